//! What the fuzz targets and `tests/suite/fuzz_smoke.rs` do with bytes from anywhere: nothing may panic, and what is
//! accepted must hold together.

use chainrule::data::{Csv, DataConfig, Labels, Source, parse_formula};
use chainrule::graph::{Graph, Inference};
use chainrule::project::{parse, templates, to_text};
use chainrule::tensor::Shape;
use chainrule::train::stops::{Own, Scope, complete, condition, expression};
use std::path::Path;
use std::sync::LazyLock;

/// A project file: what it holds is saved and read again as it is.
pub fn project(bytes: &[u8]) {
    let Some(project) = std::str::from_utf8(bytes).ok().and_then(|text| parse(text).ok()) else { return };
    let text = to_text(&project);
    let again = parse(&text).expect("what was read can be saved and read again");
    assert_eq!(to_text(&again), text);
    let graph = &project.document.graph;
    assert_eq!(graph.check_invariants(), Vec::<String>::new());
    graph.infer(Some(&Shape::batch(&[2])), Some(&Shape::batch(&[1])));
}

/// A table: every number of it is finite, and there are as many as its shape says.
pub fn csv(bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it can be written");
    let source = Source::Csv(Csv { path: file.path().to_owned(), ..Csv::default() });
    for labels in [Labels::Auto, Labels::OneHot] {
        let config = DataConfig { source: source.clone(), labels, ..DataConfig::default() };
        let Ok(Some(data)) = config.load(Path::new("")) else { continue };
        let numbers = (0..data.len()).flat_map(|row| (0..data.feature_width()).map(move |k| (row, k)));
        assert!(numbers.map(|(row, k)| data.feature(row, k)).chain(data.targets.iter().copied()).all(f64::is_finite));
        assert_eq!(data.targets.len(), data.len() * data.target_width());
        assert_eq!(data.train.len() + data.test.len(), data.len());
    }
}

/// A formula: it is evaluated, or the error lies in the text.
pub fn formula(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse_formula(&text) {
        Ok(f) => _ = [0.0, -1.5, 1e300].map(|x| f.eval(x)),
        Err(e) => assert!((1..=text.chars().count() + 1).contains(&e.position), "{e}"),
    }
}

/// A condition or a watch: it is read, or the error lies in the text; and there are proposals at any place of it.
pub fn expr(bytes: &[u8]) {
    static GRAPH: LazyLock<(Graph, Inference)> = LazyLock::new(|| {
        let spirals = templates::shipped().iter().find(|t| t.0 == "spirals").expect("it ships").1;
        let graph = parse(spirals).expect("it reads").document.graph;
        let inference = graph.infer(Some(&Shape::batch(&[2])), Some(&Shape::batch(&[1])));
        (graph, inference)
    });
    let text = String::from_utf8_lossy(bytes);
    let (graph, inference) = &*GRAPH;
    let node = graph.by_name("hidden 1").expect("a node").id;
    for own in [Own::Nothing, Own::Node(node), Own::Wire(graph.wires()[0])] {
        let scope = Scope::new(graph, inference, own);
        let end = text.chars().count() + 1;
        let (read, checked) = (expression(&text, &scope), condition(&text, &scope));
        for e in [&read, &checked].into_iter().filter_map(|r| r.as_ref().err()) {
            assert!((1..=end).contains(&e.column) && !e.message.is_empty(), "{e}");
        }
        assert_eq!(checked.is_ok(), read.is_ok_and(|e| e.is_condition()));
        for cursor in [0, end / 2, end] {
            let (from, found) = complete(&text, cursor, &scope);
            assert!(from <= cursor && found.iter().all(|c| !c.text.is_empty() && !c.about.is_empty()));
        }
    }
}
