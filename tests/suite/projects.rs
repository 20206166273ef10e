//! Every shipped project trains to the result that its notes state, and its gradients are right.

use chainrule::engine::{Weights, gradient_check};
use chainrule::project::{Project, parse, templates};
use chainrule::train::{Metrics, Part, Session};
use std::path::Path;
use std::sync::Arc;

fn open(name: &str) -> Project {
    let text = templates::shipped().iter().find(|(n, _)| *n == name).map(|s| s.1);
    let project = text.map(parse).expect("the project ships").expect("it can be read");
    assert!(project.warnings.is_empty(), "{name}: {:?}", project.warnings);
    project
}

/// What a trained project is judged by, on its test part.
struct Result {
    /// Accuracy or R².
    headline: f64,
    loss: f64,
}

/// The result after the epochs that the project asks for.
fn trained(name: &str) -> Result {
    let document = open(name).document;
    let data = document.data.load(Path::new(".")).expect("the data load").map(Arc::new);
    let epochs = document.train.epochs;
    let mut session =
        Session::<f32>::new(Arc::new(document.graph), data, document.train).expect("a shipped project can train");
    while session.epoch() < epochs {
        let report = session.step();
        assert_eq!(report.bad, None, "{name}: NaN in epoch {}", session.epoch());
    }
    let report = session.evaluate(Part::Test);
    let headline = report.metrics.headline().map_or(f64::NAN, |h| h.1);
    if let Metrics::Classes { confusion, .. } = &report.metrics {
        assert!(!confusion.is_empty());
    }
    println!("{name}: {headline:.4}, loss {:.5}", report.loss);
    Result { headline, loss: report.loss }
}

macro_rules! reaches {
    ($($name:ident: $figure:ident $is:tt $bound:literal;)*) => {
        $(#[test]
        fn $name() {
            let $figure = trained(stringify!($name)).$figure;
            assert!($figure $is $bound, "{}: {} is {}", stringify!($name), stringify!($figure), $figure);
        })*
        const STATED: &[&str] = &[$(stringify!($name)),*];
    };
}

reaches! {
    perceptron_and: headline >= 1.0;
    perceptron_or: headline >= 1.0;
    mlp_2_2_1: headline >= 1.0;
    xor: headline >= 0.95;
    circle: headline >= 0.97;
    spirals: headline >= 0.95;
    linear_regression: headline >= 0.99;
    sine: headline >= 0.99;
    iris: headline >= 0.93;
    digits: headline >= 0.97;
    lenet: headline >= 0.97;
    resnet: headline >= 0.97;
    autoencoder: loss <= 0.04;
    skip: headline >= 0.97;
    regularised: headline >= 0.88;
}

#[test]
fn every_shipped_project_states_a_result() {
    let names: Vec<&str> = templates::shipped().iter().map(|s| s.0).collect();
    assert_eq!(names, STATED);
}

#[test]
fn gradients_of_every_shipped_project_are_right() {
    for (name, _) in templates::shipped() {
        let document = open(name).document;
        let data = document.data.load(Path::new(".")).expect("the data load").expect("there is data");
        let inference = document.graph.infer(Some(&data.feature_shape), Some(&data.target_shape));
        assert!(inference.runnable(), "{name}: {:?}", inference.diagnostics);
        let rows: Vec<usize> = data.train.iter().copied().take(8).collect();
        let mut x = vec![0.0; rows.len() * data.feature_width()];
        let mut y = vec![0.0; rows.len() * data.target_width()];
        data.gather(&rows, &mut x, &mut y);
        let weights = Weights::<f64>::init(&document.graph, &inference, document.train.seed);
        let checked = gradient_check(&document.graph, &inference, &weights, &x, &y, rows.len()).expect("it can run");
        assert!(checked.len() >= 3, "{name} has weights and an input");
        for c in checked {
            assert!(c.passed(), "{name}, {}: relative error {} at {}", c.label, c.worst, c.at);
            assert!(c.kinks * 2 <= c.checked, "{name}, {}: {} of {} elements are kinks", c.label, c.kinks, c.checked);
        }
    }
}
