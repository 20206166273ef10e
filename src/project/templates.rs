//! The projects that ship with the program.

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../projects/", $name, ".ron")))),*]
    };
}

/// Name and text of each shipped project, simplest first.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    shipped![
        "perceptron_and",
        "perceptron_or",
        "mlp_2_2_1",
        "xor",
        "circle",
        "spirals",
        "linear_regression",
        "sine",
        "iris",
        "digits",
        "lenet",
        "resnet",
        "autoencoder",
        "skip",
        "regularised",
    ]
}
