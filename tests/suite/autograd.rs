//! Autograd as PyTorch has it: names, leaves, what is saved, and how gradients add up.

#[path = "autograd/cli.rs"]
mod cli;
#[path = "autograd/sums.rs"]
mod sums;
#[path = "autograd/whatif.rs"]
mod whatif;

use chainrule::ops::{GradFn, ParamKind, Params, Value, catalogue};
use chainrule::tensor::Shape;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;

fn golden(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("JSON")
}

fn list<T>(json: &Json, read: impl FnMut(&Json) -> Option<T>) -> Vec<T> {
    json.as_array().expect("a list").iter().filter_map(read).collect()
}

/// The parameters of a case, by the kinds that the catalogue gives them.
fn params(kind: &chainrule::ops::Kind, json: &Json) -> Params {
    let value = |(name, v): (&String, &Json)| {
        let value = match kind.spec.param(name)?.kind {
            ParamKind::Bool => Value::Bool(v.as_bool()?),
            ParamKind::Int { .. } => Value::Int(v.as_i64()?),
            ParamKind::Float { .. } => Value::Float(v.as_f64()?),
            ParamKind::Choice(_) => Value::Text(v.as_str()?.to_owned()),
            ParamKind::Ints => Value::Ints(list(v, Json::as_i64)),
            ParamKind::Floats => Value::Floats(list(v, Json::as_f64)),
            ParamKind::Nodes => return None,
        };
        Some((name.clone(), value))
    };
    Params(json.as_object().expect("settings").iter().filter_map(value).collect()).filled(kind.spec.params)
}

#[test]
fn every_kind_names_the_nodes_that_pytorch_makes_of_it() {
    let golden = golden("grad_fn.json");
    let mut seen = BTreeSet::new();
    for case in golden["cases"].as_array().expect("cases") {
        let id = case["op"].as_str().expect("a kind");
        // The fixture may know kinds that the catalogue does not have yet.
        let Some(kind) = catalogue::find(id) else { continue };
        seen.insert(id);
        let shapes = list(&case["inputs"], |s| Some(Shape::fixed(&list(s, |n| n.as_u64().map(|n| n as usize)))));
        let want = list(&case["grad_fn"], |n| n.as_str().map(str::to_owned));
        assert_eq!(kind.spec.grad_fn.names(&params(kind, &case["params"]), &shapes), want, "{case}");
    }
    for kind in catalogue::CATALOGUE {
        let spec = kind.spec;
        match spec.grad_fn {
            GradFn::Names(_) | GradFn::By(_) | GradFn::Same => {
                assert!(seen.contains(spec.id), "{} has names that PyTorch did not give", spec.id);
            }
            GradFn::Composed(how) => assert!(!how.is_empty() && !seen.contains(spec.id), "{}", spec.id),
            GradFn::None | GradFn::Leaf => {
                let cut = spec.no_grad.contains(&0) || spec.category == chainrule::ops::Category::Source;
                assert!(cut || seen.contains(spec.id), "{} passes gradients but has no grad_fn", spec.id);
            }
        }
    }
}
