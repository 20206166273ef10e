//! `bench`: speed by threads, and time and memory by node.

use super::Shell;

/// The cells of a row, which are parted by two blanks.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()
}

/// A time such as `12.4 µs`, in seconds.
fn seconds(text: &str) -> f64 {
    let (number, unit) = text.split_once(' ').unwrap_or_else(|| panic!("a time: {text}"));
    let unit = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => panic!("a unit: {text}"),
    };
    number.parse::<f64>().expect("a number") * unit
}

#[test]
fn bench_measures_each_number_of_threads_and_each_node() {
    let shell = Shell::new();
    let out = shell.ok("bench xor.ron --seconds 0.2 --threads 2 --batch-size 16");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("a batch of 16 samples, ") && lines[0].ends_with(" FLOPs forward"), "{out}");
    let flops: f64 = lines[0]["a batch of 16 samples, ".len()..]
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .expect("FLOPs");
    assert!(lines[1].starts_with("memory: ") && flops > 0.0, "{out}");
    let at = lines.iter().position(|l| l.contains("steps/s")).expect("the speeds");
    assert_eq!(cells(lines[at]), ["threads", "steps/s", "samples/s", "median step", "GFLOP/s"]);
    for threads in 1..=2 {
        let row = cells(lines[at + threads]);
        assert_eq!(row[0], threads.to_string(), "{out}");
        let number = |k: usize| row[k].parse::<f64>().expect("a number");
        assert!(number(1) > 0.0 && (number(2) / number(1) / 16.0 - 1.0).abs() < 0.01, "{out}");
        let rate = 3.0 * flops * number(1) / 1e9;
        assert!((number(4) / rate - 1.0).abs() < 0.02, "{rate}: {out}");
        // Half of the steps take longer than the median.
        assert!(seconds(row[3]) > 0.0 && seconds(row[3]) * number(1) < 2.1, "{out}");
    }
    let at = lines.iter().position(|l| l.starts_with("node ")).expect("the nodes");
    assert_eq!(cells(lines[at]), ["node", "kind", "time", "forward", "backward", "update", "share", "bytes"]);
    let rows: Vec<Vec<&str>> = lines[at + 1..].iter().map(|l| cells(l)).take_while(|r| r.len() == 8).collect();
    let graph = chainrule::project::load(&shell.path("xor.ron")).expect("a project").document.graph;
    let mut names: Vec<&str> = rows.iter().map(|r| r[0]).collect();
    let mut all: Vec<&str> = graph.nodes().map(|n| n.name.as_str()).collect();
    names.sort_unstable();
    all.sort_unstable();
    assert_eq!(names, all, "{out}");
    let share = |r: &[&str]| r[6].strip_suffix(" %").expect("a share").parse::<f64>().expect("a number");
    let (sum, time) = (rows.iter().map(|r| share(r)).sum::<f64>(), rows.iter().map(|r| seconds(r[2])).sum::<f64>());
    assert!((sum - 100.0).abs() < 0.1 * rows.len() as f64, "{sum}: {out}");
    for r in &rows {
        let parts: f64 = r[3..6].iter().map(|t| seconds(t)).sum();
        assert!((parts - seconds(r[2])).abs() <= 0.06 * seconds(r[2]) + 2e-9, "{r:?}");
        assert!((share(r) / 100.0 - seconds(r[2]) / time).abs() < 0.01, "{r:?}");
        assert!(r[7].ends_with('B'), "{r:?}");
    }
    assert!(rows.windows(2).all(|w| share(&w[0]) >= share(&w[1])), "the dearest first: {out}");
    shell.fails("bench xor.ron --seconds -1", 2, &["--seconds is -1"]);
}
