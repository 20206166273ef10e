//! The user's CSV file: delimiter, header, columns, missing values.

use crate::data::{Csv, DataError};
use std::path::Path;

/// What a CSV file holds, for choosing columns.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvReport {
    /// What separates columns.
    pub delimiter: char,
    /// Whether the first row holds names.
    pub header: bool,
    /// Rows of data.
    pub rows: usize,
    /// Columns in order.
    pub columns: Vec<CsvColumn>,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvColumn {
    /// Its name, or `column 3`.
    pub name: String,
    /// Whether most of what is there is a number.
    pub numeric: bool,
    /// Different values, counted up to 1000.
    pub distinct: usize,
    /// Empty or unknown values.
    pub missing: usize,
    /// The first value.
    pub example: String,
}

/// The text of all cells, column by column.
pub(super) struct Cells {
    pub delimiter: char,
    pub header: bool,
    pub names: Vec<String>,
    /// The file's row of each data row, from 1.
    pub lines: Vec<usize>,
    pub columns: Vec<Vec<String>>,
}

/// Whether a cell stands for a value that is not known.
pub(super) fn is_missing(cell: &str) -> bool {
    matches!(cell.to_ascii_lowercase().as_str(), "" | "na" | "n/a" | "nan" | "?" | "null" | "-")
}

/// A number with a decimal point.
pub(super) fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|x: &f64| x.is_finite())
}

/// Looks at a file without building a data set of it.
///
/// # Errors
/// If it cannot be read as a table.
pub fn inspect_csv(path: &Path) -> Result<CsvReport, DataError> {
    let cells = read(&Csv { path: path.to_owned(), ..Csv::default() }, path)?;
    let columns = cells.names.iter().zip(&cells.columns).map(|(name, values)| {
        let missing = values.iter().filter(|v| is_missing(v)).count();
        let mut different: Vec<&str> = values.iter().take(20_000).map(String::as_str).collect();
        different.sort_unstable();
        different.dedup();
        CsvColumn {
            name: name.clone(),
            numeric: is_numeric(values),
            distinct: different.len().min(1000),
            missing,
            example: values.first().cloned().unwrap_or_default(),
        }
    });
    Ok(CsvReport {
        delimiter: cells.delimiter,
        header: cells.header,
        rows: cells.lines.len(),
        columns: columns.collect(),
    })
}

/// Whether more than half of the known cells are numbers.
pub(super) fn is_numeric(values: &[String]) -> bool {
    let known = values.iter().filter(|v| !is_missing(v));
    let (all, numbers) = known.fold((0usize, 0usize), |(a, n), v| (a + 1, n + usize::from(number(v).is_some())));
    all > 0 && numbers * 2 > all
}

pub(super) fn read(csv: &Csv, path: &Path) -> Result<Cells, DataError> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|e| DataError::new(format!("{name} cannot be read: {e}")))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(DataError::new(format!("{name} is empty; it needs at least one row of numbers")));
    }
    let delimiter = csv.delimiter.unwrap_or_else(|| find_delimiter(text));
    if !delimiter.is_ascii() || ['"', '\n', '\r'].contains(&delimiter) {
        return Err(DataError::new(format!("{delimiter:?} cannot separate columns")));
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter as u8)
        .trim(csv::Trim::All)
        .from_reader(text);
    let mut lines = Vec::new();
    let mut columns: Vec<Vec<String>> = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        let more = reader.read_byte_record(&mut record).map_err(|e| DataError::new(format!("{name}: {e}")))?;
        if !more {
            break;
        }
        let line = record.position().map_or(0, |p| p.line() as usize + breaks(&text[p.byte() as usize..]));
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        if columns.is_empty() {
            columns = vec![Vec::new(); record.len()];
        } else if record.len() != columns.len() {
            return Err(DataError::new(format!(
                "{name}, row {line}: it has {} columns but the first row has {}; mend or remove that row",
                record.len(),
                columns.len()
            )));
        }
        lines.push(line);
        for (column, cell) in columns.iter_mut().zip(&record) {
            column.push(String::from_utf8_lossy(cell).into_owned());
        }
    }
    if lines.is_empty() {
        return Err(DataError::new(format!("{name} is empty; it needs at least one row of numbers")));
    }
    let header = csv.header.unwrap_or_else(|| looks_like_header(&columns));
    let mut names: Vec<String> = Vec::new();
    for (k, column) in columns.iter_mut().enumerate() {
        let name = if header { column.remove(0) } else { String::new() };
        names.push(match name.as_str() {
            "" => format!("column {}", k + 1),
            taken if names.contains(&name) => format!("{taken} (column {})", k + 1),
            _ => name,
        });
    }
    if header {
        lines.remove(0);
    }
    if lines.is_empty() {
        return Err(DataError::new(format!("{name} has names of columns but no rows of data")));
    }
    Ok(Cells { delimiter, header, names, lines, columns })
}

/// Line breaks between the end of a row and the next one, which the reader counts to the next one.
fn breaks(text: &[u8]) -> usize {
    text.iter().take_while(|b| matches!(b, b'\n' | b'\r')).filter(|b| **b == b'\n').count()
}

/// The separator that splits the first lines into the same number of columns, the more the better. What stands in
/// quotes neither separates nor ends a line.
fn find_delimiter(text: &[u8]) -> char {
    let mut quoted = false;
    let ends = |b: &u8| {
        quoted ^= *b == b'"';
        !quoted && *b == b'\n'
    };
    let lines: Vec<&[u8]> = text.split(ends).filter(|l| !l.is_empty()).take(20).collect();
    let count = |line: &[u8], d: u8| {
        let mut quoted = false;
        let separates = |b: &&u8| {
            quoted ^= **b == b'"';
            !quoted && **b == d
        };
        line.iter().filter(separates).count()
    };
    let score = |d: u8| {
        let counts: Vec<usize> = lines.iter().map(|l| count(l, d)).collect();
        let first = counts.first().copied().unwrap_or(0);
        if first > 0 && counts.iter().all(|c| *c == first) { first + 1000 } else { first }
    };
    // The comma wins a tie.
    let mut best = (b',', score(b','));
    for d in [b';', b'\t', b'|'] {
        if score(d) > best.1 {
            best = (d, score(d));
        }
    }
    char::from(best.0)
}

/// The first row names the columns if a column of numbers begins with a text, or all of it is text and differs.
fn looks_like_header(columns: &[Vec<String>]) -> bool {
    let first_text = |c: &Vec<String>| c.first().is_some_and(|v| number(v).is_none() && !is_missing(v));
    let numbers_below = |c: &Vec<String>| c.len() > 1 && is_numeric(&c[1..]);
    columns.iter().any(|c| first_text(c) && numbers_below(c))
        || columns.iter().all(|c| first_text(c) && !c[1..].contains(&c[0]))
}
