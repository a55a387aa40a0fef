//! What a person reads on a terminal.

use isolation_model::state::State;
use isolation_model::verdict::Verdict;

use super::{curl, words};
use crate::exit_code::ExitCode;
use crate::fault_matrix::Control;
use crate::record::{ClaimResult, Environment, FaultResult, Violation};
use crate::verify::{Options, Run, link_name};

/// The whole report of a run. `files` gives the file of each violation.
#[must_use]
pub fn verify(run: &Run, options: &Options, environment: &Environment, files: &[Option<String>]) -> String {
    let mut out = String::new();
    for (violation, file) in run.violations.iter().zip(files) {
        out.push_str(&violation_text(violation, options, file.as_deref()));
    }
    out.push_str(&claims_table(&run.claims));
    if !run.faults.is_empty() {
        let caught = run.faults.iter().filter(|fault| fault.caught).count();
        line(&mut out, &format!("\nPlanted faults: {caught} of {} caught.", run.faults.len()));
        for fault in run.faults.iter().filter(|fault| !fault.caught) {
            line(&mut out, &format!("  not caught: {} ({})", fault.id, list(&fault.claims)));
        }
    }
    let totals = &run.totals;
    line(
        &mut out,
        &format!(
            "\n{} cases, {} requests, {} findings in {:.1} s ({} requests/s, {} threads); seed {}, profile {}, target {}.",
            totals.cases,
            totals.requests,
            totals.findings,
            seconds(environment.elapsed_ms),
            environment.requests_per_s,
            environment.threads,
            options.seed,
            options.profile.as_str(),
            link_name(options.link),
        ),
    );
    line(&mut out, &format!("Record {}.", run.record.digest()));
    let code = ExitCode::of(&run.claims, &options.required);
    line(&mut out, &answer(code, &run.claims, options));
    out
}

fn answer(code: ExitCode, claims: &[ClaimResult], options: &Options) -> String {
    let with = |verdict| -> String {
        let ids: Vec<&str> = claims
            .iter()
            .filter(|claim| {
                claim.verdict == verdict && (verdict == Verdict::Violated || options.required.contains(&claim.id))
            })
            .map(|claim| claim.id.as_str())
            .collect();
        ids.join(", ")
    };
    match code {
        ExitCode::Clean => format!("All {} required claims are held.", options.required.len()),
        ExitCode::Violated => format!("Violated: {}.", with(Verdict::Violated)),
        ExitCode::Vacuous => format!("Not proven: {} could not have been found violated.", with(Verdict::Vacuous)),
        ExitCode::Inconclusive => format!("The run can't tell: {}.", with(Verdict::Inconclusive)),
        ExitCode::NotRun => format!("Required and not run: {}.", with(Verdict::NotRun)),
        ExitCode::Usage | ExitCode::TargetBroken => "The run did not come to its end.".to_owned(),
    }
}

fn claims_table(claims: &[ClaimResult]) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!("{:<7} {:<13} {:>8} {:>9} {:>7}  why", "claim", "verdict", "attacks", "controls", "faults"),
    );
    for claim in claims.iter().filter(|claim| claim.verdict != Verdict::NotRun) {
        line(
            &mut out,
            &format!(
                "{:<7} {:<13} {:>8} {:>9} {:>7}  {}",
                claim.id.as_str(),
                claim.verdict.as_str(),
                claim.attacks,
                claim.controls,
                claim.faults_caught,
                visible(&claim.reason)
            ),
        );
    }
    // Claims that were not run are listed by reason: nothing is left out silently.
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for claim in claims.iter().filter(|claim| claim.verdict == Verdict::NotRun) {
        match reasons.iter_mut().find(|(reason, _)| *reason == claim.reason) {
            Some((_, ids)) => ids.push(claim.id.as_str()),
            None => reasons.push((&claim.reason, vec![claim.id.as_str()])),
        }
    }
    for (reason, ids) in reasons {
        line(&mut out, &format!("not_run: {} \u{2014} {}", ids.join(" "), visible(reason)));
    }
    out
}

fn violation_text(violation: &Violation, options: &Options, file: Option<&str>) -> String {
    let mut out = String::new();
    line(&mut out, &format!("{} VIOLATED", violation.claim));
    line(&mut out, &format!("  {}", violation.claim.claim().statement));
    line(&mut out, &format!("  {} ({})", visible(&violation.finding.what), violation.finding.oracle.as_str()));
    if let Some(leak) = &violation.finding.leak {
        line(
            &mut out,
            &format!(
                "  leaked: {} of {}, epoch {}, to {}, through {}, encoded {}",
                leak.datum.field,
                leak.datum.owner,
                leak.datum.epoch,
                visible(&leak.reached),
                leak.channel,
                leak.encoding
            ),
        );
    }
    let world = crate::counterexample::WorldSource { seed: options.seed, case: violation.case }.world();
    let state = State::new(&world);
    line(&mut out, &format!("  in {} steps:", violation.trace.len()));
    for (number, step) in violation.trace.iter().enumerate() {
        line(&mut out, &format!("  {}. {}", number + 1, words::step(&world, step)));
        for curl in curl::lines(&world, &state, &step.action) {
            line(&mut out, &format!("     {}", visible(&curl)));
        }
    }
    if let Some(file) = file {
        let fault = options.fault.map(|fault| format!(" --fault {}", fault.id())).unwrap_or_default();
        let target = if options.link == crate::target::reference::Link::Http { " --target http" } else { "" };
        line(&mut out, &format!("  replay: isolation replay {file}{fault}{target}"));
    }
    out.push('\n');
    out
}

/// The fault matrix.
#[must_use]
pub fn faults(control: &Control, faults: &[FaultResult]) -> String {
    let mut out = String::new();
    let width = faults.iter().map(|fault| fault.id.len()).max().unwrap_or(5).max(5);
    line(
        &mut out,
        &format!(
            "{:<width$} {:<12} {:>9}  first caught by; requests to the first finding of each oracle",
            "fault", "claims", "requests"
        ),
    );
    for fault in faults {
        let requests = fault.requests.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let by = match (&fault.by, &fault.of_move, &fault.error) {
            (Some(by), Some(of_move), _) => format!("{by} in {of_move}"),
            (Some(by), None, _) => by.clone(),
            (None, _, Some(error)) => format!("NOT CAUGHT: {}", visible(error)),
            (None, _, None) => "NOT CAUGHT".to_owned(),
        };
        let oracles: Vec<String> = fault.oracles.iter().map(|(oracle, at)| format!("{oracle} {at}")).collect();
        line(
            &mut out,
            &format!("{:<width$} {:<12} {requests:>9}  {by}; {}", fault.id, list(&fault.claims), oracles.join(", ")),
        );
    }
    let caught = faults.iter().filter(|fault| fault.caught).count();
    line(
        &mut out,
        &format!(
            "\n{caught} of {} caught. Control: {} alarms, {} shortfalls and {} errors in {} cases, {} requests.",
            faults.len(),
            control.alarms,
            control.shortfalls,
            control.errors,
            control.cases,
            control.requests
        ),
    );
    out
}

fn list(claims: &[isolation_model::claim::ClaimId]) -> String {
    claims.iter().map(|claim| claim.as_str()).collect::<Vec<_>>().join(",")
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// Text that can't move a terminal's cursor, change its colours, or turn the direction of what stands beside it.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars()
        .flat_map(
            |c| {
                if c.is_control() || turns_direction(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] }
            },
        )
        .collect()
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(visible("a\u{1b}[31mb\r\nc\u{0}"), "a\\u{1b}[31mb\\r\\nc\\u{0}");
        assert_eq!(visible("Zo\u{eb}"), "Zo\u{eb}");
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
    }
}
