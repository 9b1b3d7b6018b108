//! Encoded sound (WAV, FLAC, MP3, Ogg Vorbis) to one channel at `RATE`.

use super::{Collector, Going, Sound, SoundError};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

const WANTED: &str = "WAV, FLAC, MP3 or Ogg Vorbis";
/// Packets that may be damaged before a file is refused, beside as many as are whole.
const DAMAGED: usize = 16;

/// The first track of a file. What is damaged within it is left out.
pub fn decode(bytes: Vec<u8>, most_seconds: f64, going: Going<'_>) -> Result<Sound, SoundError> {
    if bytes.is_empty() {
        return Err(SoundError::expected(format!("{WANTED}, not 0 bytes")));
    }
    // A decoder that a hostile file brings to panic is a refused file, not a dead worker.
    let run = AssertUnwindSafe(|| run(bytes, most_seconds, going));
    catch_unwind(run)
        .unwrap_or_else(|_| Err(SoundError::expected(format!("{WANTED} that is whole"))))
}

fn run(bytes: Vec<u8>, most_seconds: f64, going: Going<'_>) -> Result<Sound, SoundError> {
    let unknown = |e: Error| SoundError::expected(format!("{WANTED}: {e}"));
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let (hint, format, meta) = (Hint::new(), FormatOptions::default(), MetadataOptions::default());
    let mut reader =
        symphonia::default::get_probe().probe(&hint, stream, format, meta).map_err(unknown)?;
    let track = reader
        .default_track(TrackType::Audio)
        .ok_or_else(|| SoundError::expected(format!("{WANTED} with a track of sound")))?;
    let id = track.id;
    claimed(track, most_seconds)?;
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio());
    let parameters =
        parameters.ok_or_else(|| SoundError::expected(format!("{WANTED} that names its codec")))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(unknown)?;
    let mut collector: Option<(Collector, usize)> = None;
    let (mut samples, mut whole, mut damaged) = (Vec::<f32>::new(), 0, 0);
    while let Some(packet) = next(&mut *reader, id)? {
        if !going() {
            return Err(SoundError::Stopped);
        }
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(Error::DecodeError(_) | Error::IoError(_)) if damaged < whole + DAMAGED => {
                damaged += 1;
                continue;
            }
            Err(error) => return Err(unknown(error)),
        };
        if buffer.frames() == 0 {
            continue;
        }
        whole += 1;
        let rate = buffer.spec().rate() as usize;
        let channels = buffer.spec().channels().count();
        let (collector, before) = match &mut collector {
            Some(known) => known,
            None => collector.insert((Collector::new(rate, most_seconds)?, channels)),
        };
        if collector.rate != rate || *before != channels || channels == 0 {
            return Err(SoundError::expected("one sample rate and as many channels throughout"));
        }
        buffer.copy_to_vec_interleaved(&mut samples);
        collector.push(&samples, channels)?;
    }
    match collector {
        Some((collector, _)) => collector.finish(),
        None => Err(SoundError::expected(format!("{WANTED} with sound in it"))),
    }
}

/// Refuses a file that says itself that it is too long.
fn claimed(track: &Track, most_seconds: f64) -> Result<(), SoundError> {
    let rate = track.codec_params.as_ref().and_then(|p| p.audio()).and_then(|a| a.sample_rate);
    let (Some(frames), Some(rate)) = (track.num_frames, rate) else { return Ok(()) };
    let seconds = frames as f64 / f64::from(rate.max(1));
    if seconds > most_seconds {
        return Err(SoundError::too_long(most_seconds, &format!("not {seconds:.0} as it says")));
    }
    Ok(())
}

/// The track's next packet. A file that is cut off ends there.
fn next(
    reader: &mut dyn FormatReader,
    id: u32,
) -> Result<Option<symphonia::core::packet::Packet>, SoundError> {
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == id => return Ok(Some(packet)),
            Ok(Some(_)) => {}
            Ok(None) | Err(Error::IoError(_)) => return Ok(None),
            Err(Error::ResetRequired) => {
                return Err(SoundError::expected("one stream of sound, not several in a row"));
            }
            Err(error) => return Err(SoundError::expected(format!("{WANTED}: {error}"))),
        }
    }
}
