//! The text of a project: which version it has, and the way from text to [`Project`] and back.
//!
//! The version is read first, then the text as that version. A new version is a new module beside [`v1`], and a
//! step that turns the older one into it; every old version stays as a test fixture.

mod numbers;
mod settings;
mod v1;

use crate::project::{LoadError, Project};
use ron::Options;
use ron::ser::PrettyConfig;
use serde::Deserialize;

/// The version that is written.
pub const FORMAT_VERSION: u32 = 1;

/// What every version begins with.
#[derive(Deserialize)]
#[serde(rename = "Project")]
struct Head {
    format_version: u32,
}

/// The document is flat; deeper nesting is damage or malice.
fn options() -> Options {
    Options::default().with_recursion_limit(32)
}

/// A project from its text.
///
/// # Errors
/// Says where the text is wrong and what to do, that it is of a later program, or what contradicts itself.
pub fn parse(text: &str) -> Result<Project, LoadError> {
    let head: Head = options().from_str(text).map_err(syntax)?;
    match head.format_version {
        0 => Err(LoadError::NoVersion),
        1 => v1::into_project(options().from_str(text).map_err(syntax)?),
        found => Err(LoadError::Future { found }),
    }
}

fn syntax(e: ron::error::SpannedError) -> LoadError {
    let message = match &e.code {
        ron::Error::Eof => "the file ends too early; it was cut off".to_owned(),
        code => code.to_string().trim_end_matches('.').to_owned(),
    };
    LoadError::Syntax { line: e.span.start.line, column: e.span.start.col, message }
}

/// The text of a project, in the present version; warnings are not written.
pub fn to_text(project: &Project) -> String {
    let pretty = PrettyConfig::new()
        .depth_limit(2)
        .struct_names(false)
        .separate_tuple_members(false)
        .escape_strings(false)
        .new_line("\n")
        .indentor("    ");
    let file = v1::from_project(project);
    // Writing into a string cannot fail, and the types hold nothing that the format lacks.
    let body = options().to_string_pretty(&file, pretty).expect("plain data has a text");
    format!("Project{body}\n")
}
