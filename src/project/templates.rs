//! The projects that ship with the program.

/// Name and text of each, the one to open with first.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    macro_rules! list {
        ($($name:literal),* $(,)?) => {
            &[$(($name, include_str!(concat!("../../projects/", $name, ".ron")))),*]
        };
    }
    list![
        "spirals",
        "perceptron_and",
        "perceptron_or",
        "mlp_2_2_1",
        "xor",
        "circle",
        "linear_regression",
        "sine",
        "iris",
        "digits",
        "skip",
        "regularised",
    ]
}
