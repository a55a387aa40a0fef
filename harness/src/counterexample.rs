//! Counterexamples: files that show one violation again by one command.

use std::fs;
use std::path::{Path, PathBuf};

use isolation_model::claim::ClaimId;
use isolation_model::oracle::Finding;
use isolation_model::trace::Step;
use isolation_model::world::World;
use serde::{Deserialize, Serialize};

use crate::campaign::{Case, CaseKind};
use crate::record::Violation;

/// Version of the file's format.
pub const SCHEMA: &str = "isolation-counterexample/1";

/// A violation as a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterexample {
    /// Version of the format.
    pub schema: String,
    /// The claim that is violated.
    pub claim: ClaimId,
    /// What was found.
    pub finding: Finding,
    /// Where the world comes from.
    pub world: WorldSource,
    /// The fault that was planted on purpose when it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The steps that show it.
    pub steps: Vec<Step>,
}

/// Where a world comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSource {
    /// Seed of the campaign.
    pub seed: u64,
    /// Number of the case.
    pub case: u64,
}

impl WorldSource {
    /// The world.
    #[must_use]
    pub fn world(self) -> World {
        Case { seed: self.seed, number: self.case, kind: CaseKind::Random }.world().0
    }
}

/// Why a file is no counterexample.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read or written.
    #[error("{what} {path}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It isn't what it should be.
    #[error("{path}:{line}:{column}: {why}\n  a counterexample is a JSON file that `isolation verify` wrote")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        why: String,
    },
    /// It is of another version.
    #[error("{path}: the format is `{found}`, and this version of isolation reads `{SCHEMA}`")]
    Schema {
        /// The file.
        path: PathBuf,
        /// The format it says.
        found: String,
    },
}

impl Counterexample {
    /// The file of a violation.
    #[must_use]
    pub fn new(violation: &Violation, seed: u64, fault: Option<&str>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            claim: violation.claim,
            finding: violation.finding.clone(),
            world: WorldSource { seed, case: violation.case },
            fault: fault.map(str::to_owned),
            steps: violation.trace.clone(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = fs::read_to_string(path).map_err(|error| FileError::Io {
            what: "reading",
            path: path.to_owned(),
            error,
        })?;
        let read: Self = serde_json::from_str(&text).map_err(|error| FileError::Syntax {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            why: error.to_string(),
        })?;
        if read.schema == SCHEMA {
            Ok(read)
        } else {
            Err(FileError::Schema { path: path.to_owned(), found: read.schema })
        }
    }

    /// Writes the file into a folder, under a name that says what it shows. Gives its path.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, FileError> {
        let path =
            folder.join(format!("{}-{}-{}.json", self.claim.as_str().to_lowercase(), self.world.seed, self.world.case));
        let failed = |what, path: &Path, error| FileError::Io { what, path: path.to_owned(), error };
        fs::create_dir_all(folder).map_err(|error| failed("making", folder, error))?;
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| failed("writing", &path, std::io::Error::other(error)))?;
        text.push('\n');
        fs::write(&path, text).map_err(|error| failed("writing", &path, error))?;
        Ok(path)
    }
}
