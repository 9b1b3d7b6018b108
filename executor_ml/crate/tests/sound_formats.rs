//! Encoded sound of every format, whole, damaged and hostile (executor_ml/tests/golden/sound, made
//! by make_sound.py beside it).

use edgemesh_candle::audio::{Sound, SoundError, decode, from_samples};

const RATE: usize = 22_050;
const HERTZ: f64 = 440.0;

/// The mean of 0.6 and 0.2 times a tone, at 16 kHz.
fn expected(count: usize) -> Vec<f32> {
    let at = |i| 0.4 * (std::f64::consts::TAU * HERTZ * i as f64 / 16_000.0).sin() as f32;
    (0..count).map(at).collect()
}

/// A WAV file of 16-bit stereo samples; `claimed`: bytes of data as the header has them.
fn wav(frames: usize, claimed: Option<u32>) -> Vec<u8> {
    let mut data = Vec::new();
    for i in 0..frames {
        let tone = (std::f64::consts::TAU * HERTZ * i as f64 / RATE as f64).sin();
        for loudness in [0.6, 0.2] {
            data.extend(((tone * loudness * 32_767.0) as i16).to_le_bytes());
        }
    }
    let claimed = claimed.unwrap_or(data.len() as u32);
    let mut file = b"RIFF".to_vec();
    file.extend((claimed.saturating_add(36)).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    for field in [1_u16, 2] {
        file.extend(field.to_le_bytes());
    }
    file.extend((RATE as u32).to_le_bytes());
    file.extend((RATE as u32 * 4).to_le_bytes());
    for field in [4_u16, 16] {
        file.extend(field.to_le_bytes());
    }
    file.extend(b"data");
    file.extend(claimed.to_le_bytes());
    file.extend(data);
    file
}

fn read(bytes: &[u8]) -> Result<Sound, SoundError> {
    decode(bytes.to_vec(), 60.0, &|| true)
}

fn refused(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(SoundError::Expected(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_format_gives_the_tone() {
    let length = (RATE as f64 * 0.6) as usize;
    let files: [(&str, Vec<u8>); 4] = [
        ("wav", wav(length, None)),
        ("flac", include_bytes!("../../tests/golden/sound/tone.flac").to_vec()),
        ("mp3", include_bytes!("../../tests/golden/sound/tone.mp3").to_vec()),
        ("ogg", include_bytes!("../../tests/golden/sound/tone.ogg").to_vec()),
    ];
    for (kind, file) in files {
        let sound = read(&file).unwrap();
        // MP3 comes in whole frames of 52 ms.
        assert!((sound.seconds() - 0.6).abs() < 0.06, "{kind}: {} s", sound.seconds());
        let expected = expected(9600);
        // Where a codec may begin late: the best fit within some 100 ms.
        let off = |late: usize| {
            let pairs = sound.0[late + 1000..].iter().zip(&expected[1000..7500]);
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / 6500.0
        };
        let most = if kind == "mp3" { 1600 } else { 1 };
        let best = (0..most).map(off).fold(f32::MAX, f32::min);
        let limit = if matches!(kind, "wav" | "flac") { 1e-6 } else { 1e-3 };
        assert!(best < limit, "{kind}: off by {best:e}");
    }
}

#[test]
fn what_is_no_sound_is_refused_in_words() {
    assert!(refused(b"").contains("WAV, FLAC, MP3 or Ogg Vorbis, not 0 bytes"));
    let text = "Dear reader, this is a text that somebody has named speech.wav. ".repeat(200);
    let said = refused(text.as_bytes());
    assert!(said.starts_with("WAV, FLAC, MP3 or Ogg Vorbis"), "{said}");
    let said = refused(&wav(0, None));
    assert!(said.contains("with sound in it"), "{said}");
    refused(&wav(100, None)[..40]);
    refused(b"RIFF\xff\xff\xff\xffWAVE");
    refused(b"OggS\0\x02");
    refused(b"fLaC\0\0\0\x22");
}

#[test]
fn what_a_header_claims_is_believed_only_to_refuse() {
    let ten_hours = (RATE * 4 * 36_000) as u32;
    let said = refused(&wav(1000, Some(ten_hours)));
    assert!(said.contains("at most 60 seconds of sound, not 36000 as it says"), "{said}");
    let sound = read(&wav(RATE, Some(RATE as u32 * 4 * 3))).unwrap();
    assert!((sound.seconds() - 1.0).abs() < 0.01, "{}", sound.seconds());
    let long = wav(RATE * 61, None);
    assert!(refused(&long).contains("at most 60 seconds"));
    let cut = include_bytes!("../../tests/golden/sound/tone.flac");
    assert!(read(&cut[..cut.len() / 2]).unwrap().seconds() < 0.6);
}

#[test]
fn damage_anywhere_is_no_crash() {
    let files: [&[u8]; 4] = [
        &wav(4000, None),
        include_bytes!("../../tests/golden/sound/tone.flac"),
        include_bytes!("../../tests/golden/sound/tone.mp3"),
        include_bytes!("../../tests/golden/sound/tone.ogg"),
    ];
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for file in files {
        for _ in 0..200 {
            let mut file = file.to_vec();
            for _ in 0..1 + next() % 8 {
                let at = next() % if next() % 2 == 0 { file.len().min(120) } else { file.len() };
                file[at] = next() as u8;
            }
            file.truncate(file.len() - next() % 3 * (next() % file.len()) / 3);
            if let Ok(sound) = read(&file) {
                assert!(sound.0.iter().all(|x| x.is_finite()) && sound.seconds() <= 60.0);
            }
        }
    }
}

#[test]
fn samples_are_mixed_and_must_be_numbers() {
    let samples = |values: Vec<f32>, channels: usize| {
        let mut pieces = vec![values].into_iter();
        let mut next = |out: &mut Vec<f32>| out.extend(pieces.next().unwrap_or_default());
        from_samples(&mut next, channels, 16_000, 1.0, &|| true)
    };
    assert_eq!(samples(vec![1.0, 0.0, 0.5, -0.5], 2).unwrap().0, [0.5, 0.0]);
    assert_eq!(samples(vec![], 1).unwrap().0, [0.0; 0]);
    for bad in [f32::NAN, f32::INFINITY] {
        let said = samples(vec![0.0, bad], 1).unwrap_err().to_string();
        assert!(said.contains("samples that are finite numbers"), "{said}");
    }
    let said = samples(vec![0.0; 16_001], 1).unwrap_err().to_string();
    assert!(said.contains("at most 1 seconds of sound"), "{said}");
    let stopped = decode(wav(RATE, None), 60.0, &|| false);
    assert!(matches!(stopped, Err(SoundError::Stopped)));
}
