//! The fuzz targets on a few thousand mutated seeds: the same ones every time.

#[path = "../../fuzz/entry.rs"]
mod entry;

use chainrule::project::templates;
use chainrule::tensor::stream;
use rand::RngExt as _;

/// Pieces of all three languages that mean something.
const TOKENS: [&str; 32] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    "\r\n",
    ";",
    "\t",
    "-",
    "^",
    ".",
    "NaN",
    "inf",
    "0",
    "18446744073709551615",
    "-9223372036854775808",
    "1e308",
    "\u{feff}",
    "é",
    "Some(",
    "/*",
    "\0",
    "sin(",
    "id: 1",
    "\"\"",
    "nodes: [",
];

/// Runs `target` on `count` inputs made of `seeds` by one to four random changes.
fn mutated(seeds: &[&[u8]], count: u64, target: fn(&[u8])) {
    for seed in seeds {
        target(seed);
    }
    for n in 0..count {
        let mut rng = stream(41, n);
        let mut pick = |n: usize| rng.random_range(0..n.max(1));
        let mut bytes = seeds[pick(seeds.len())].to_vec();
        for _ in 0..=pick(4) {
            let at = pick(bytes.len() + 1);
            let longest = 1 << pick(9);
            let end = (at + 1 + pick(longest)).min(bytes.len());
            match pick(7) {
                0 if at < bytes.len() => bytes[at] = pick(256) as u8,
                1 if at < end => _ = bytes.drain(at..end),
                2 if at < end => {
                    let piece = bytes[at..end].to_vec();
                    let to = pick(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 => bytes.truncate(at),
                4 => {
                    let other = seeds[pick(seeds.len())];
                    bytes.splice(at.., other[pick(other.len())..].iter().copied());
                }
                // A number becomes another one, which keeps the text well-formed.
                5 => {
                    let digits: Vec<usize> = (0..bytes.len()).filter(|k| bytes[*k].is_ascii_digit()).collect();
                    if let Some(k) = digits.get(pick(digits.len())) {
                        bytes[*k] = b'0' + pick(10) as u8;
                    }
                }
                _ => _ = bytes.splice(at..at, TOKENS[pick(TOKENS.len())].bytes()),
            }
        }
        target(&bytes);
    }
}

#[test]
fn mutated_projects_are_read_or_refused() {
    let seeds: Vec<&[u8]> = templates::shipped().iter().map(|s| s.1.as_bytes()).collect();
    mutated(&seeds, 4000, entry::project);
}

#[test]
fn mutated_tables_are_read_or_refused() {
    let iris = include_bytes!("../../assets/data/iris.csv");
    let seeds: [&[u8]; 6] = [
        &iris[..2000],
        b"a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n",
        b"\xef\xbb\xbf\"x; y\";z\r\n1;2\r\n\r\n3;4\r\n?;5\r\n",
        b"1\t2\t3\n4\t5\t6\n7\t8\t9\n",
        b"name,y\n\"say \"\"hi\"\"\",1\n\"two\nlines\",0\n",
        b",,\n",
    ];
    mutated(&seeds, 4000, entry::csv);
}

#[test]
fn mutated_formulas_are_read_or_refused() {
    let seeds: [&[u8]; 5] =
        [b"sin(2pi*x)", b"-x^2^0.5 + 3(x-1)/2", b"max(min(x, 1), tanh(x))", "2π exp(-x)".as_bytes(), b"((x))"];
    mutated(&seeds, 8000, entry::formula);
}

#[test]
fn mutated_conditions_are_read_or_refused() {
    let seeds: [&[u8]; 7] = [
        b"max(abs(grad)) > 10 and not any_nan(hidden 1.weight.grad)",
        b"loss > 1.2 * loss.previous or batch == 17 && hits >= 3",
        b"dead(value) > 0.5",
        b"saturated(tanh 1.value) <= 1e-3",
        b"std(input[0].grad - input.grad) / -(lr + 2.5) != epoch",
        b"((step))",
        "norm(weight) ≥ 3 × max(1, 2)".as_bytes(),
    ];
    mutated(&seeds, 8000, entry::expr);
}
