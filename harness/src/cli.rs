//! The command line: words in, words out. Everything it does is in the library.

mod serve;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand, ValueEnum};
use isolation_model::claim::ClaimId;
use reference_impl::Fault;

use crate::campaign::{Profile, pool};
use crate::counterexample::Counterexample;
use crate::engine::run_bare;
use crate::exit_code::ExitCode;
use crate::fault_matrix::{self, MatrixOptions};
use crate::record::Environment;
use crate::report::{json, terminal, words};
use crate::target::reference::Link;
use crate::verify::{self, Options, Run, VerifyError, block_on};

/// Verifies that no tenant reaches another's data: generates worlds, attacks the reference, and judges what comes back.
#[derive(Debug, Parser)]
#[command(name = "isolation", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 clean, 1 violated, 2 usage, 3 vacuous, 4 inconclusive, 5 target broken, 6 a required claim was not run."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judges every claim this build has checks for
    #[command(
        after_help = "Examples:\n  isolation verify\n  isolation verify --seed 7 --target http --format json\n  isolation verify --fault apx-tenant-check-skipped --out found\n  isolation verify --require APX-1,APX-2 --profile standard --out run"
    )]
    Verify(VerifyArgs),
    /// Plants every fault in turn and shows which check catches it, after how many requests
    Faults(FaultsArgs),
    /// Prints the register of claims
    Claims(ClaimsArgs),
    /// Runs a counterexample again
    #[command(
        after_help = "Example:\n  isolation replay isolation-out/apx-1-7-12.json --fault apx-tenant-check-skipped"
    )]
    Replay(ReplayArgs),
    /// Serves a demo world on loopback, until it is interrupted
    #[command(
        after_help = "Example:\n  isolation serve --credentials demo.env\n  . ./demo.env\n  curl -i -H \"Host: $ACME_HOST\" -H \"Cookie: vendoAuth=$ACME_OWNER\" \"http://$VENDO/\""
    )]
    Serve(serve::ServeArgs),
    /// Prints the JSON Schema of a run record
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetName {
    /// The reference in this process, over pipes in memory.
    InProcess,
    /// The reference over sockets on loopback.
    Http,
}

impl From<TargetName> for Link {
    fn from(name: TargetName) -> Self {
        match name {
            TargetName::InProcess => Self::InProcess,
            TargetName::Http => Self::Http,
        }
    }
}

#[derive(Debug, Args)]
struct Common {
    /// Seed of all choices: one seed is one run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is judged
    #[arg(long, value_enum, default_value_t = TargetName::InProcess)]
    target: TargetName,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Threads [default: as many as the machine runs at once, and over sockets three times as many]
    #[arg(long)]
    threads: Option<usize>,
    /// No progress on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl Common {
    fn threads(&self) -> usize {
        // Over sockets a thread waits most of the time. How many there are changes no result.
        let share = match self.target {
            TargetName::InProcess => 1,
            TargetName::Http => 3,
        };
        self.threads.unwrap_or_else(|| pool::threads() * share)
    }
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    common: Common,
    /// How much is tried
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    profile: Profile,
    /// Claims that have to be held: `all`, or a list such as APX-1,APX-2 [default: what the profile says]
    #[arg(long, value_name = "all|LIST")]
    require: Option<String>,
    /// Plants a fault on purpose; `isolation faults` lists them
    #[arg(long, value_name = "ID", value_parser = fault)]
    fault: Option<Fault>,
    /// Folder for the record and for counterexamples [default for counterexamples: isolation-out]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FaultsArgs {
    #[command(flatten)]
    common: Common,
    /// How often each move is tried
    #[arg(long, default_value_t = 2)]
    rounds: u64,
}

#[derive(Debug, Args)]
struct ClaimsArgs {
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The counterexample
    file: PathBuf,
    /// Plants a fault on purpose
    #[arg(long, value_name = "ID", value_parser = fault)]
    fault: Option<Fault>,
    /// What is judged
    #[arg(long, value_enum, default_value_t = TargetName::InProcess)]
    target: TargetName,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn fault(id: &str) -> Result<Fault, String> {
    Fault::from_id(id).ok_or_else(|| {
        let ids: Vec<&str> = Fault::ALL.iter().map(|fault| fault.id()).collect();
        format!("there is no such fault; there are: {}", ids.join(", "))
    })
}

/// Runs a command.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Verify(args) => verify(&args),
        Command::Faults(args) => faults(&args),
        Command::Claims(args) => claims(&args),
        Command::Replay(args) => replay(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Schema => print(&pretty(&crate::record::schema())),
    }
}

fn verify(args: &VerifyArgs) -> ExitCode {
    let required = match required(args) {
        Ok(required) => required,
        Err(error) => return usage(&error),
    };
    let options = Options {
        seed: args.common.seed,
        profile: args.profile,
        link: args.common.target.into(),
        fault: args.fault,
        required,
        threads: args.common.threads(),
        quiet: args.common.quiet,
    };
    let stop = stop_on_interrupt();
    let (began, started) = (Instant::now(), SystemTime::now());
    let run = match verify::verify(&options, stop) {
        Ok(run) => run,
        Err(VerifyError::Target(error)) => {
            complain(&format!("the target can't be tested: {error}"));
            return ExitCode::TargetBroken;
        }
        Err(error @ VerifyError::Record(_)) => return usage(&error.to_string()),
    };
    let files = match write_counterexamples(&run, &options, args.out.as_deref()) {
        Ok(files) => files,
        Err(error) => return usage(&error),
    };
    let environment = environment(&options, &run, started, began, &files);
    if let Some(folder) = &args.out
        && let Err(error) = write_record(&run, &environment, folder)
    {
        return usage(&error);
    }
    let text = match args.common.format {
        Format::Text => terminal::verify(&run, &options, &environment, &files),
        Format::Json => pretty(&json::VerifyReport::new(&run, &options, &environment)),
    };
    let printed = print(&text);
    if printed == ExitCode::Clean { ExitCode::of(&run.claims, &options.required) } else { printed }
}

fn required(args: &VerifyArgs) -> Result<Vec<ClaimId>, String> {
    match args.require.as_deref() {
        None => Ok(verify::required_by(args.profile)),
        Some("all") => Ok(ClaimId::ALL.to_vec()),
        Some(list) => list
            .split(',')
            .map(|id| {
                let id = id.trim();
                id.parse().map_err(|_| {
                    format!("--require: `{id}` is no claim; `isolation claims` lists them, and they look like APX-1")
                })
            })
            .collect(),
    }
}

fn write_counterexamples(run: &Run, options: &Options, out: Option<&Path>) -> Result<Vec<Option<String>>, String> {
    let folder = out.unwrap_or(Path::new("isolation-out"));
    run.violations
        .iter()
        .map(|violation| {
            let fault = options.fault.map(Fault::id);
            let path =
                Counterexample::new(violation, options.seed, fault).write(folder).map_err(|error| error.to_string())?;
            Ok(Some(path.display().to_string()))
        })
        .collect()
}

fn write_record(run: &Run, environment: &Environment, folder: &Path) -> Result<(), String> {
    let path = folder.join("record.jsonl");
    let failed = |error: std::io::Error| format!("writing {}: {error}", path.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let file = fs::File::create(&path).map_err(failed)?;
    let mut writer = std::io::BufWriter::new(file);
    run.record.write(&mut writer, environment).map_err(failed)?;
    writer.flush().map_err(failed)
}

fn environment(
    options: &Options,
    run: &Run,
    started: SystemTime,
    began: Instant,
    files: &[Option<String>],
) -> Environment {
    let elapsed = began.elapsed();
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_unix_s: started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        elapsed_ms,
        requests_per_s: run.totals.requests * 1000 / elapsed_ms.max(1),
        threads: u64::try_from(options.threads).unwrap_or(0),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        files: files.iter().flatten().cloned().collect(),
    }
}

fn faults(args: &FaultsArgs) -> ExitCode {
    let options = MatrixOptions {
        seed: args.common.seed,
        link: args.common.target.into(),
        rounds: args.rounds,
        thorough: true,
        threads: args.common.threads(),
        quiet: args.common.quiet,
    };
    let control = fault_matrix::control(options);
    let results = fault_matrix::matrix(options);
    let text = match args.common.format {
        Format::Text => terminal::faults(&control, &results),
        Format::Json => pretty(&serde_json::json!({
            "schema": "isolation-faults/1",
            "seed": options.seed,
            "target": verify::link_name(options.link),
            "control": control,
            "faults": results,
        })),
    };
    let printed = print(&text);
    if printed != ExitCode::Clean {
        return printed;
    }
    let silent = control.alarms == 0 && control.shortfalls == 0;
    if control.errors > 0 {
        ExitCode::Inconclusive
    } else if !silent {
        ExitCode::Violated
    } else if results.iter().all(|fault| fault.caught) && !results.is_empty() {
        ExitCode::Clean
    } else {
        ExitCode::Vacuous
    }
}

fn claims(args: &ClaimsArgs) -> ExitCode {
    let behind = |claim: ClaimId| -> Vec<String> {
        let breaking = Fault::ALL.iter().filter(|fault| verify::breaks(**fault, claim));
        breaking.map(|fault| fault.id().to_owned()).collect()
    };
    match args.format {
        Format::Json => print(&pretty(&json::claims(behind))),
        Format::Text => {
            let mut text = String::new();
            for claim in isolation_model::claim::register() {
                text.push_str(&format!("{:<6} {:<10} {}\n", claim.id, claim.held_from, claim.statement));
            }
            print(&text)
        }
    }
}

fn replay(args: &ReplayArgs) -> ExitCode {
    let counterexample = match Counterexample::read(&args.file) {
        Ok(counterexample) => counterexample,
        Err(error) => return usage(&error.to_string()),
    };
    let options = Options {
        seed: counterexample.world.seed,
        profile: Profile::Quick,
        link: args.target.into(),
        fault: args.fault,
        required: Vec::new(),
        threads: 1,
        quiet: true,
    };
    let world = counterexample.world.world();
    let target = verify::reference(&options);
    let outcome = match block_on(run_bare(&target, &world, &counterexample.steps)).and_then(|outcome| outcome) {
        Ok(outcome) => outcome,
        Err(error) => {
            complain(&format!("the target can't be tested: {error}"));
            return ExitCode::TargetBroken;
        }
    };
    let findings: Vec<_> = outcome.findings().collect();
    let same = findings.iter().any(|finding| finding.claim == counterexample.claim);
    let shortfalls: Vec<&String> = outcome.steps.iter().flat_map(|step| &step.shortfalls).collect();
    let text = match args.format {
        Format::Json => pretty(&serde_json::json!({
            "schema": "isolation-replay/1",
            "claim": counterexample.claim,
            "violated": same,
            "findings": findings,
            "shortfalls": shortfalls,
            "steps": outcome.steps,
        })),
        Format::Text => {
            let mut text = String::new();
            for (number, step) in counterexample.steps.iter().enumerate() {
                text.push_str(&format!("{}. {}\n", number + 1, words::step(&world, step)));
            }
            for finding in &findings {
                text.push_str(&format!(
                    "{}: {} ({})\n",
                    finding.claim,
                    terminal::visible(&finding.what),
                    finding.oracle.as_str()
                ));
            }
            for shortfall in &shortfalls {
                text.push_str(&format!("not served: {}\n", terminal::visible(shortfall)));
            }
            text.push_str(&format!(
                "{} is {} by these steps.\n",
                counterexample.claim,
                if same { "violated" } else { "not violated" }
            ));
            text
        }
    };
    let printed = print(&text);
    if printed != ExitCode::Clean {
        printed
    } else if !findings.is_empty() {
        ExitCode::Violated
    } else if !shortfalls.is_empty() {
        ExitCode::Vacuous
    } else {
        ExitCode::Clean
    }
}

/// A flag that an interrupt sets: the record of what was done is still written.
fn stop_on_interrupt() -> &'static AtomicBool {
    static STOP: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let waited = block_on(async { tokio::signal::ctrl_c().await });
        if matches!(waited, Ok(Ok(()))) {
            STOP.store(true, Ordering::Relaxed);
            complain("interrupted: writing what was done so far");
        }
    });
    &STOP
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).map_or_else(|error| format!("{{\"error\": \"{error}\"}}\n"), |text| text + "\n")
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::Clean,
        // Whoever read the output has seen enough of it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::Clean,
        Err(error) => usage(&format!("writing to standard output: {error}")),
    }
}

fn usage(what: &str) -> ExitCode {
    complain(what);
    ExitCode::Usage
}

fn complain(what: &str) {
    // Where standard error is closed there is nobody to tell.
    let _written: std::io::Result<()> = writeln!(std::io::stderr().lock(), "isolation: {what}");
}
