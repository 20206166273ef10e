//! Augmentation: what it does to pictures, and that a run with it repeats itself.

use super::*;

#[test]
fn training_pictures_are_changed_anew_each_epoch_and_repeat_bit_for_bit() {
    let f = folder();
    small(&f);
    let with = |augment: Augment, seed| {
        let config = DataConfig { source: images(IMAGES), augment, seed, ..DataConfig::default() };
        config.load(f.path()).expect("it loads").expect("a source")
    };
    let train = |data: &Dataset, epoch| {
        let (mut x, mut y) = (vec![0.0f32; 18], vec![0.0; 3]);
        data.gather_training(&[3, 4, 5], epoch, &mut x, &mut y);
        x
    };
    let all = || Augment { shift: 1, flip: true, noise: 0.1 };
    let (one, same, other) = (with(all(), 7), with(all(), 7), with(all(), 8));
    assert_eq!(train(&one, 2), train(&same, 2));
    assert_ne!(train(&one, 2), train(&one, 3));
    assert_ne!(train(&one, 2), train(&other, 2));
    let mut x = [0.0f32; 6];
    one.gather_training(&[4], 2, &mut x, &mut [0.0]);
    assert_eq!(train(&one, 2)[6..12], x, "a sample does not depend on its batch");
    assert_eq!(batch(&one, &[3, 4, 5]).0, batch(&with(Augment::default(), 7), &[3, 4, 5]).0, "what tests stays");
}

#[test]
fn pictures_are_shifted_mirrored_and_made_noisy_as_the_settings_say() {
    let f = folder();
    small(&f);
    let with = |augment| {
        let config = DataConfig { source: images(IMAGES), augment, ..DataConfig::default() };
        config.load(f.path()).map(|d| d.expect("a source")).map_err(|e| e.to_string())
    };
    let seen = |data: &Dataset| {
        let mut all: Vec<Vec<i64>> = (0..200)
            .map(|epoch| data.augmented(1, epoch).iter().map(|p| (p * 255.0).round() as i64).collect())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let flipped = with(Augment { flip: true, ..Augment::default() }).expect("it loads");
    assert_eq!(seen(&flipped), [[6, 7, 8, 9, 10, 11], [8, 7, 6, 11, 10, 9]]);
    let shifted = seen(&with(Augment { shift: 1, ..Augment::default() }).expect("it loads"));
    assert_eq!(shifted.len(), 9, "every shift by -1, 0 or 1 in both directions occurs");
    for one in [[0, 6, 7, 0, 9, 10], [0, 0, 0, 7, 8, 0], [9, 10, 11, 0, 0, 0], [6, 7, 8, 9, 10, 11]] {
        assert!(shifted.contains(&one.to_vec()), "{one:?} is not in {shifted:?}");
    }
    let noisy = with(Augment { noise: 0.2, ..Augment::default() }).expect("it loads");
    let clean = noisy.unscaled(0);
    let noise: Vec<f64> = (0..500)
        .flat_map(|e| noisy.augmented(0, e).iter().zip(&clean).map(|(a, b)| a - b).collect::<Vec<_>>())
        .collect();
    let mean = noise.iter().sum::<f64>() / noise.len() as f64;
    let deviation = (noise.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / noise.len() as f64).sqrt();
    assert!(mean.abs() < 0.02 && (deviation - 0.2).abs() < 0.02, "{mean} {deviation}");
    refused(with(Augment { shift: 2, ..Augment::default() }), &["moved by up to 2", "3×2 pixels"]);
    refused(with(Augment { noise: f64::NAN, flip: true, ..Augment::default() }), &["noise NaN"]);
    let iris = DataConfig {
        augment: Augment { flip: true, ..Augment::default() },
        ..DataConfig::preset("iris").expect("it is known")
    };
    let iris = iris.load(f.path()).expect("it loads").expect("a source");
    assert_eq!(iris.warnings, ["these samples are no pictures, so they are not augmented"]);
}

#[test]
fn augmented_training_steps_as_it_runs_and_starts_again_as_it_began() {
    let f = folder();
    drawn(&f, 60);
    let config = DataConfig {
        source: images(&format!("{IMAGES}.gz")),
        augment: Augment { shift: 2, flip: false, noise: 0.05 },
        ..DataConfig::default()
    };
    let data = Arc::new(config.load(f.path()).expect("it loads").expect("a source"));
    let session = || {
        let graph = network(&["linear 8", "tanh", "linear 10"]);
        let train = TrainConfig { batch_size: 8, seed: 1, ..TrainConfig::default() };
        Session::<f32>::new(Arc::new(graph), Some(data.clone()), train).expect("it can run")
    };
    let (mut run, mut stepped) = (session(), session());
    for _ in 0..20 {
        run.step();
    }
    while stepped.steps() < 20 {
        stepped.advance();
    }
    let trained = run.export_weights();
    assert_eq!(trained, stepped.export_weights());
    run.reset();
    for _ in 0..20 {
        run.step();
    }
    assert_eq!(run.export_weights(), trained);
}
