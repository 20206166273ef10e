//! The projects for files in MNIST's format run as they are beside such files.

use super::{drawn, folder, write};
use chainrule::project::parse;
use chainrule::train::Session;
use std::sync::Arc;

#[test]
fn both_projects_train_on_files_beside_them_plain_or_gzipped() {
    let f = folder();
    drawn(&f, 40);
    // The project names files that end in .gz; those without are found as well.
    for kind in ["images-idx3", "labels-idx1"] {
        let bytes = std::fs::read(f.path().join(format!("train-{kind}-ubyte.gz"))).expect("drawn");
        write(&f, &format!("t10k-{kind}-ubyte"), &bytes);
    }
    for (text, shape) in [
        (include_str!("../../../docs/mnist/mlp.ron"), "B×784"),
        (include_str!("../../../docs/mnist/lenet.ron"), "B×1×28×28"),
    ] {
        let d = parse(text).expect("it reads").document;
        let data = d.data.load(f.path()).expect("it loads").expect("samples");
        assert_eq!((data.feature_shape.to_string().as_str(), data.train.len(), data.test.len()), (shape, 40, 40));
        let mut session = Session::<f32>::new(Arc::new(d.graph), Some(Arc::new(data)), d.train).expect("it can run");
        assert!(session.step().loss.is_finite());
    }
}
