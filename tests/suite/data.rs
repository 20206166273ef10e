//! Data sets: bad tables are told by row and column, made points follow their recipes, formulas never panic.

use chainrule::data::{
    Csv, DataConfig, Dataset, Function, Input, Labels, Playground, Scale, Set, Source, Table, Task, inspect_csv,
    parse_formula,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeSet;
use std::f64::consts::{PI, TAU};
use std::path::Path;

/// All features, row by row.
fn features(d: &Dataset) -> Vec<f64> {
    (0..d.len()).flat_map(|row| (0..d.feature_width()).map(move |k| d.feature(row, k))).collect()
}

fn table(text: impl AsRef<[u8]>, csv: Csv, labels: Labels) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("t.csv"), text).expect("a file");
    let source = Source::Csv(Csv { path: "t.csv".into(), ..csv });
    let config = DataConfig { source, labels, train_share: 1.0, ..DataConfig::default() };
    config.load(folder.path()).map(|d| d.expect("there is a source")).map_err(|e| e.to_string())
}

/// The data set of a file that is read with the defaults.
fn read(text: impl AsRef<[u8]>) -> Dataset {
    table(text, Csv::default(), Labels::Auto).expect("it can be read")
}

/// Fails unless the file is refused with a sentence that holds `words`.
fn refused(text: impl AsRef<[u8]>, words: &[&str]) {
    let shown = String::from_utf8_lossy(text.as_ref()).into_owned();
    let why = table(text, Csv::default(), Labels::Auto).expect_err(&shown);
    assert!(words.iter().all(|w| why.contains(w)), "{shown:?}: {why}");
}

#[test]
fn a_ragged_row_is_named() {
    refused("a,b,y\n1,2,3\n4,5\n6,7,8\n", &["row 3", "2 columns", "first row has 3"]);
    refused("a,b,y\n1,2,3\n4,5,6,7\n", &["row 3", "4 columns"]);
    refused("a,b,y\r\n1,2,3\r\n\r\n4,5\r\n", &["row 4"]);
}

#[test]
fn text_in_a_column_of_numbers_is_named_by_row_and_column() {
    refused("a,b,y\n1,2,3\n4,oops,6\n7,8,9\n", &["row 3", "\"b\"", "\"oops\"", "not a number"]);
    refused("a,y\n1,2\n3,4\n5,inf\n", &["row 4", "\"y\"", "\"inf\""]);
    refused("\n\na,y\n\n1,2\n\n\n3,4\nx,6\n", &["row 9", "\"x\""]);
    refused("a,y\r\n\"1\",2\r\n3,4\r\nx,6\r\n", &["row 4"]);
}

#[test]
fn a_file_without_rows_is_refused_whatever_it_holds_instead() {
    refused("", &["t.csv is empty"]);
    refused("\u{feff}  \n\t\r\n", &["is empty"]);
    refused("a,b,y\n", &["names of columns but no rows"]);
    for nothing in [",,\n", ",\n,\n,\n", "\"\",\"\"\n", "\"\"", "\u{feff},"] {
        refused(nothing, &["is empty"]);
    }
    refused("1,2,3\n", &["fewer than two rows"]);
    refused("a,y\n1,2\n", &["fewer than two rows"]);
    refused("a\n1\n2\n3\n", &["at least one feature column"]);
}

#[test]
fn one_class_is_nothing_to_tell_apart() {
    refused("a,kind\n1,cat\n2,cat\n3,cat\n", &["one class only"]);
    let numbered = |text: &str, labels| table(text, Csv::default(), labels);
    let why = numbered("a,y\n1,7\n2,7\n", Labels::Index).expect_err("one class");
    assert!(why.contains("one class only"), "{why}");
    assert_eq!(numbered("a,y\n1,7\n2,7\n", Labels::Auto).map(|d| d.task), Ok(Task::Regression));
}

#[test]
fn rows_with_missing_values_are_left_out_and_named() {
    let d = read("a,b,y\n1,2,3\n,5,6\n7,?,9\n10,NaN,12\n13,14,15\n16,17,\n");
    assert_eq!((d.len(), &features(&d)[..]), (2, &[1.0, 2.0, 13.0, 14.0][..]));
    let [warning] = &d.warnings[..] else { panic!("{:?}", d.warnings) };
    assert!(warning.contains("rows 3, 4, 5, 7"), "{warning}");
    refused("a,y\n1,\n,2\n3,\n", &["fewer than two rows"]);
}

#[test]
fn missing_values_of_columns_that_are_not_used_do_not_matter() {
    let csv = Csv { features: vec!["a".into()], target: Some("y".into()), ..Csv::default() };
    let d = table("a,b,y\n1,,3\n4,,6\n", csv, Labels::Auto).expect("b is not used");
    assert_eq!((&features(&d)[..], d.warnings.len()), (&[1.0, 4.0][..], 0));
}

#[test]
fn columns_are_told_apart_by_whatever_separates_them() {
    for d in [',', ';', '\t', '|'] {
        let text = "a,b,y\n1,2,3\n4,5,6\n".replace(',', &d.to_string());
        let found = read(&text);
        assert_eq!((&features(&found)[..], &found.targets[..]), (&[1.0, 2.0, 4.0, 5.0][..], &[3.0, 6.0][..]), "{d:?}");
    }
    let forced = Csv { delimiter: Some(':'), ..Csv::default() };
    assert_eq!(table("a:y\n1:2\n3:4\n", forced, Labels::Auto).map(|d| features(&d)), Ok(vec![1.0, 3.0]));
    for odd in ['é', '→', '"', '\n', '\r'] {
        let why = table("a,y\n1,2\n3,4\n", Csv { delimiter: Some(odd), ..Csv::default() }, Labels::Auto);
        assert!(why.as_ref().is_err_and(|w| w.contains("cannot separate")), "{odd:?}: {why:?}");
    }
}

#[test]
fn quoted_fields_may_hold_separators_quotes_and_line_breaks() {
    let d = read("\"size, cm\",\"kind\"\n1,\"a; b; c\"\n2,\"say \"\"hi\"\"\"\n3,\"two\nlines\"\n");
    assert_eq!(d.feature_names, ["size, cm"]);
    assert_eq!(d.class_names, ["a; b; c", "say \"hi\"", "two\nlines"]);
    let many = read("\"a;b;c\",\"d;e;f\"\n1,2\n3,4\n");
    assert_eq!(many.feature_names, ["a;b;c"], "what is quoted separates nothing");
    refused("a,y\n\"1\n\",2\n3,4\noops,6\n", &["row 5"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let plain = read("a,b,y\n1,2,3\n4,5,6\n");
    let marked = read("\u{feff}a,b,y\r\n1,2,3\r\n4,5,6\r\n");
    assert_eq!((features(&marked), marked.feature_names), (features(&plain), plain.feature_names));
    assert_eq!(marked.targets, plain.targets);
}

#[test]
fn a_file_without_names_gets_numbered_columns() {
    let d = read("1,2,3\n4,5,6\n");
    assert_eq!((d.feature_names.clone(), d.len()), (vec!["column 1".to_owned(), "column 2".to_owned()], 2));
    let forced = table("1,2\n3,4\n5,6\n", Csv { header: Some(true), ..Csv::default() }, Labels::Auto);
    assert_eq!(forced.map(|d| (d.feature_names.clone(), d.len())), Ok((vec!["1".to_owned()], 2)));
    let none = table("a,x\nb,y\nc,x\n", Csv { header: Some(false), ..Csv::default() }, Labels::Auto);
    assert_eq!(none.map(|d| (d.len(), d.target_names)), Ok((3, vec!["column 2".to_owned()])));
}

#[test]
fn columns_of_the_same_name_can_be_told_apart_and_chosen() {
    let text = "a,a,,a,y\n1,2,3,4,5\n6,7,8,9,10\n";
    let d = read(text);
    let distinct: BTreeSet<&String> = d.feature_names.iter().collect();
    assert_eq!(distinct.len(), 4, "{:?}", d.feature_names);
    assert_eq!((&d.feature_names[0][..], &d.feature_names[2][..]), ("a", "column 3"));
    for (k, name) in d.feature_names.iter().enumerate() {
        let csv = Csv { features: vec![name.clone()], target: Some("y".into()), ..Csv::default() };
        let one = table(text, csv, Labels::Auto).expect("it can be chosen");
        assert_eq!(features(&one), [k as f64 + 1.0, k as f64 + 6.0], "{name}");
    }
    let csv = Csv { target: Some("z".into()), ..Csv::default() };
    let why = table(text, csv, Labels::Auto).expect_err("there is no z");
    assert!(why.contains("\"z\"") && why.contains("a, "), "{why}");
}

#[test]
fn a_million_rows_load() {
    const ROWS: usize = 1_000_000;
    let mut text = String::from("a,b,y\n");
    for k in 0..ROWS {
        use std::fmt::Write as _;
        writeln!(text, "{k},{},{}", k % 97, k % 2).expect("memory");
    }
    let d = table(text, Csv::default(), Labels::ZeroOne).expect("it can be read");
    assert_eq!((d.len(), d.train.len(), d.test.len()), (ROWS, ROWS, 0));
    assert_eq!(features(&d)[2 * 999_999..], [999_999.0, (999_999 % 97) as f64]);
    assert_eq!((d.targets[999_998], d.targets[999_999], d.class_names.len()), (0.0, 1.0, 2));
}

#[test]
fn a_path_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("none.csv"), folder.path().to_owned()] {
        let csv = Csv { path: path.clone(), ..Csv::default() };
        let config = DataConfig { source: Source::Csv(csv), ..DataConfig::default() };
        let why = config.load(Path::new("/")).expect_err("nothing is there").to_string();
        assert!(why.contains(&path.display().to_string()) && why.contains("cannot be read"), "{why}");
        assert_eq!(inspect_csv(&path).map_err(|e| e.to_string()), Err(why));
    }
}

#[test]
fn numbers_too_large_to_be_scaled_are_refused() {
    let rows = vec![vec![-1.7e308], vec![1.7e308], vec![1.6e308]];
    let t = Table { targets: vec![vec![0.5]; 3], features: rows, ..Table::default() };
    for scale in [Scale::Standardise, Scale::MinMax] {
        let config = DataConfig { source: Source::Table(t.clone()), scale, ..DataConfig::default() };
        let why = config.load(Path::new("")).expect_err("the range is infinite").to_string();
        assert!(why.contains("scale"), "{why}");
    }
}

fn points(set: Set, samples: usize, noise: f64, seed: u64) -> Dataset {
    let source = Source::Playground(Playground { set, samples, noise, ..Playground::default() });
    let config = DataConfig { source, seed, labels: Labels::Auto, ..DataConfig::default() };
    config.load(Path::new("")).expect("points").expect("a source")
}

/// Samples as places and labels; the labels of classes are 0 and 1.
fn labelled(d: &Dataset) -> impl Iterator<Item = ([f64; 2], f64)> {
    (0..d.len()).map(|row| ([d.feature(row, 0), d.feature(row, 1)], d.targets[row]))
}

#[test]
fn without_noise_every_point_lies_where_its_recipe_says() {
    const N: usize = 501;
    let circle = points(Set::Circle, N, 0.0, 3);
    for (k, (p, label)) in labelled(&circle).enumerate() {
        let (r, inside) = (p[0].hypot(p[1]), k < N / 2);
        assert!(if inside { r <= 2.5 } else { (3.5..=5.0 + 1e-12).contains(&r) }, "{p:?}");
        assert_eq!(label, f64::from(u8::from(inside)));
    }
    for (p, label) in labelled(&points(Set::Xor, N, 0.0, 3)) {
        assert!(p.iter().all(|x| (0.3..5.3).contains(&x.abs())), "{p:?}");
        assert_eq!(label, f64::from(u8::from(p[0] * p[1] > 0.0)));
    }
    for (k, (p, label)) in labelled(&points(Set::Spiral, N, 0.0, 3)).enumerate() {
        let (i, n, turn) = if k < N / 2 { (k, N / 2, 0.0) } else { (k - N / 2, N - N / 2, PI) };
        let share = i as f64 / n as f64;
        let angle = 1.75 * share * TAU + turn;
        assert_eq!(p, [5.0 * share * angle.sin(), 5.0 * share * angle.cos()]);
        assert_eq!(label, f64::from(u8::from(k < N / 2)));
    }
    for (p, label) in labelled(&points(Set::Plane, N, 0.0, 3)) {
        assert!(p.iter().all(|x| x.abs() <= 6.0));
        assert_eq!(label, (p[0] + p[1]) / 10.0);
    }
    for (p, label) in labelled(&points(Set::MultiGauss, N, 0.0, 3)) {
        let centres = [(-4.0, 2.5), (0.0, -2.5), (4.0, 2.5), (-4.0, -2.5), (0.0, 2.5), (4.0, -2.5)];
        let cones = centres.iter().enumerate().map(|(k, (x, y))| {
            (if k < 3 { 1.0 } else { -1.0 }) * (1.0 - (p[0] - x).hypot(p[1] - y) / 2.0_f64).max(0.0)
        });
        let want = cones.fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        assert!((label - want).abs() < 1e-12 && label.abs() <= 1.0, "{p:?}: {label}, not {want}");
    }
}

#[test]
fn gauss_has_two_blobs_of_the_variance_that_its_noise_gives() {
    for (noise, variance) in [(0.0, 0.5), (0.5, 4.0)] {
        let d = points(Set::Gauss, 20_000, noise, 5);
        for class in [0.0, 1.0] {
            let centre = if class == 1.0 { 2.0 } else { -2.0 };
            let xs: Vec<f64> = labelled(&d).filter(|s| s.1 == class).flat_map(|s| s.0).collect();
            assert_eq!(xs.len(), 20_000, "half of the points");
            let mean = xs.iter().sum::<f64>() / xs.len() as f64;
            let spread = xs.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / xs.len() as f64;
            // Four standard errors.
            assert!((mean - centre).abs() < 4.0 * (variance / 2e4_f64).sqrt(), "{mean}");
            assert!((spread / variance - 1.0).abs() < 4.0 * (2.0 / 2e4_f64).sqrt(), "{spread}");
        }
    }
}

#[test]
fn noise_moves_points_or_labels_as_far_as_it_may() {
    let still = points(Set::Spiral, 1000, 0.0, 8);
    let moved = points(Set::Spiral, 1000, 0.3, 8);
    let far = features(&still).iter().zip(&features(&moved)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!((0.25..=0.3).contains(&far), "{far}");
    for set in [Set::Circle, Set::Xor] {
        let wrong = labelled(&points(set, 4000, 0.5, 8))
            .filter(|(p, label)| {
                let right = if set == Set::Xor { p[0] * p[1] > 0.0 } else { p[0].hypot(p[1]) < 2.5 };
                *label != f64::from(u8::from(right))
            })
            .count();
        assert!((200..2000).contains(&wrong), "{set:?}: {wrong} labels are moved");
    }
}

#[test]
fn settings_that_make_no_points_are_refused() {
    let why = |p: Playground| {
        let config = DataConfig { source: Source::Playground(p), ..DataConfig::default() };
        config.load(Path::new("")).expect_err("no points").to_string()
    };
    for noise in [-0.1, 0.51, f64::NAN, f64::INFINITY] {
        assert!(why(Playground { noise, ..Playground::default() }).contains("noise"));
    }
    for samples in [0, 1, usize::MAX] {
        assert!(why(Playground { samples, ..Playground::default() }).contains("samples"));
    }
    assert!(why(Playground { inputs: vec![], ..Playground::default() }).contains("input"));
    for train_share in [-0.1, 1.5, f64::NAN] {
        let config = DataConfig { train_share, source: Source::Iris, ..DataConfig::default() };
        assert!(config.load(Path::new("")).is_err_and(|e| e.to_string().contains("train share")));
    }
}

#[test]
fn the_same_seed_gives_the_same_data_and_another_seed_others() {
    for set in Set::ALL {
        let (a, b, c) = (points(set, 200, 0.2, 1), points(set, 200, 0.2, 1), points(set, 200, 0.2, 2));
        assert_eq!((features(&a), &a.targets, &a.train), (features(&b), &b.targets, &b.train), "{set:?}");
        assert_ne!(features(&a), features(&c), "{set:?}");
        assert_ne!(a.train, c.train, "{set:?}");
    }
}

#[test]
fn extra_inputs_are_those_of_their_formulas() {
    let source = Source::Playground(Playground { inputs: Input::ALL.to_vec(), ..Playground::default() });
    let d = DataConfig { source, ..DataConfig::default() }.load(Path::new("")).expect("points").expect("a source");
    for row in features(&d).chunks_exact(7) {
        let (x, y) = (row[0], row[1]);
        assert_eq!(row[2..], [x * x, y * y, x * y, x.sin(), y.sin()]);
        assert_eq!(row, d.map_inputs(x, y));
    }
}

fn function(f: Function) -> Result<Dataset, String> {
    let config = DataConfig { source: Source::Function(f), ..DataConfig::default() };
    config.load(Path::new("")).map(|d| d.expect("a source")).map_err(|e| e.to_string())
}

#[test]
fn a_function_is_sampled_evenly_and_exactly() {
    let d = function(Function { formula: "x^2 - 1".into(), from: -2.0, to: 2.0, samples: 5, noise: 0.0 });
    let d = d.expect("a function");
    assert_eq!(features(&d), [-2.0, -1.0, 0.0, 1.0, 2.0]);
    assert_eq!(d.targets, [3.0, 0.0, -1.0, 0.0, 3.0]);
}

#[test]
fn a_function_without_finite_values_is_refused() {
    let why = |f: Function| function(f).expect_err("no function");
    assert!(why(Function { formula: "ln(x)".into(), ..Function::default() }).contains("no value at x = -3.1416"));
    assert!(why(Function { formula: "sin x".into(), ..Function::default() }).contains("character 5"));
    for (from, to) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (-1.7e308, 1.7e308)] {
        assert!(why(Function { formula: "1".into(), from, to, ..Function::default() }).contains("range"));
    }
    for noise in [-1.0, f64::NAN, f64::INFINITY, 1e308] {
        assert!(why(Function { noise, ..Function::default() }).contains("noise"), "{noise}");
    }
}

/// A formula, and what it must give at `x`.
#[derive(Clone, Debug)]
struct Case {
    text: String,
    want: f64,
}

/// The place at which formulas are evaluated.
const AT: f64 = 0.75;

fn formula() -> impl Strategy<Value = Case> {
    let leaf = prop_oneof![
        Just(Case { text: "x".into(), want: AT }),
        Just(Case { text: " pi".into(), want: PI }),
        (0u32..1000).prop_map(|n| Case { text: format!("{}.{:02}", n / 100, n % 100), want: f64::from(n) / 100.0 }),
    ];
    leaf.prop_recursive(5, 40, 2, |inner| {
        let call = |name: &'static str, f: fn(f64) -> f64| {
            move |a: Case| Case { text: format!("{name}({})", a.text), want: f(a.want) }
        };
        let pair = |op: char, f: fn(f64, f64) -> f64| {
            move |(a, b): (Case, Case)| Case { text: format!("({} {op} {})", a.text, b.text), want: f(a.want, b.want) }
        };
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(pair('+', |a, b| a + b)),
            two.clone().prop_map(pair('-', |a, b| a - b)),
            two.clone().prop_map(pair('*', |a, b| a * b)),
            two.clone().prop_map(pair('/', |a, b| a / b)),
            two.clone().prop_map(pair('^', f64::powf)),
            two.prop_map(|(a, b)| Case { text: format!("max({}, {})", a.text, b.text), want: a.want.max(b.want) }),
            inner.clone().prop_map(call("sin", f64::sin)),
            inner.clone().prop_map(call("tanh", f64::tanh)),
            inner.clone().prop_map(call("abs", f64::abs)),
            inner.prop_map(|a| Case { text: format!("(-{})", a.text), want: -a.want }),
        ]
    })
}

fn config() -> Config {
    Config { cases: 512, rng_seed: RngSeed::Fixed(31), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_formula_panics_and_an_error_lies_in_the_text(
        text in prop_oneof![any::<String>(), "[x0-9.+*/^(), \\-]{0,60}", "(sin|max|ln|x|2|\\(|\\)|,|\\^|-| |e|π){0,40}"]
    ) {
        match parse_formula(&text) {
            Ok(f) => _ = [0.0, -1.5, 1e300, f64::NAN].map(|x| f.eval(x)),
            Err(e) => prop_assert!((1..=text.chars().count() + 1).contains(&e.position), "{}", e),
        }
    }

    #[test]
    fn a_formula_in_parentheses_has_the_value_of_its_parts(case in formula()) {
        prop_assume!(case.text.len() <= 500);
        let got = parse_formula(&case.text).map_err(|e| TestCaseError::fail(format!("{e}: {}", case.text)))?.eval(AT);
        prop_assert!(got == case.want || (got.is_nan() && case.want.is_nan()), "{}: {got}, not {}", case.text, case.want);
    }

    #[test]
    fn a_split_is_a_partition_of_all_rows(samples in 2usize..300, share in 0.0..=1.0, seed in any::<u64>()) {
        let source = Source::Playground(Playground { samples, ..Playground::default() });
        let config = DataConfig { source, train_share: share, seed, ..DataConfig::default() };
        let d = config.load(Path::new("")).expect("points").expect("a source");
        prop_assert_eq!(d.train.len(), (share * samples as f64).round() as usize);
        let mut all = [&d.train[..], &d.test[..]].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..samples).collect::<Vec<_>>());
    }
}

#[test]
fn formulas_have_the_values_that_mathematics_gives_them() {
    let at = |text: &str, x: f64| parse_formula(text).unwrap_or_else(|e| panic!("{text}: {e}")).eval(x);
    for (text, x, want) in [
        ("2x^2 - 3x + 1", 2.0, 3.0),
        ("-2^2", 0.0, -4.0),
        ("2^-1", 0.0, 0.5),
        ("--x", 3.0, 3.0),
        ("1/2/2", 0.0, 0.25),
        ("1 - 2 - 3", 0.0, -4.0),
        ("2pi", 0.0, TAU),
        ("ln(e)", 0.0, 1.0),
        ("sign(x) + step(x)", -2.0, -1.0),
        ("sqrt(abs(x))", -9.0, 3.0),
        ("min(x, 2) * MAX(x, 2)", 5.0, 10.0),
        (".5(x)(x)", 4.0, 8.0),
    ] {
        assert_eq!(at(text, x), want, "{text}");
    }
    assert!(at("ln(0 - 1)", 0.0).is_nan() && at("1/0", 0.0).is_infinite());
    for text in ["", " ", "()", "x y", "2,3", "max(1)", "sin()", "x)", "1.2.3", "٣", "x^", "e5"] {
        assert!(parse_formula(text).is_err(), "{text:?}");
    }
    assert!(parse_formula(&"(".repeat(400)).is_err() && parse_formula(&"2^".repeat(249)).is_err());
    assert!(parse_formula(&("-".repeat(499) + "x")).is_ok());
}
