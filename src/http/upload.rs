//! The body of a request on its way in: how long it may be, and how long it may take.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use poem::Request;
use poem::http::{HeaderMap, header};

use super::connections::Activity;
use super::problem::Failure;

/// Longest body that is read.
const MAX_BODY: usize = 64 * 1024;

/// Of a body that is too long this much is read and thrown away, so that a client that sends all before it reads gets
/// its answer.
const MAX_DRAINED: usize = 16 * 1024 * 1024;

/// Time in which a body has to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the rest of a body that is not needed.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Requires the body to be sent as it is (RFC 9110 §8.4).
///
/// # Errors
/// [`Failure::ContentCoding`] for any coding but `identity`.
pub fn check_coding(headers: &HeaderMap) -> Result<(), Failure> {
    let mut lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_plain = lines.all(|line| {
        let mut codings = line
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
    });
    if is_plain {
        Ok(())
    } else {
        Err(Failure::ContentCoding)
    }
}

/// Reads the body to its end.
///
/// # Errors
/// [`Failure::BodyTooLarge`] as soon as that is known, [`Failure::RequestTimeout`], [`Failure::Malformed`].
pub async fn read(request: &mut Request) -> Result<Bytes, Failure> {
    // A slow body holds a connection no longer than a client that sends nothing.
    let _waiting = request.extensions().get().map(Activity::wait);
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut frames = Box::pin(request.take_body().into_bytes_stream());
    let mut collected = BytesMut::new();
    let collecting = async {
        if announced.is_some_and(|length: usize| length > MAX_BODY) {
            return Err(Failure::BodyTooLarge);
        }
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(|_| Failure::Malformed {
                detail: "The body ended before it was whole.".to_owned(),
                errors: Vec::new(),
            })?;
            if collected.len() + frame.len() > MAX_BODY {
                return Err(Failure::BodyTooLarge);
            }
            collected.extend_from_slice(&frame);
        }
        Ok(())
    };
    let read = tokio::time::timeout(BODY_TIMEOUT, collecting)
        .await
        .unwrap_or(Err(Failure::RequestTimeout));
    // A client that waits for 100 (Continue) sends nothing after the answer.
    if matches!(read, Err(Failure::BodyTooLarge)) && !request.headers().contains_key(header::EXPECT)
    {
        tokio::spawn(drain(frames, MAX_DRAINED, BODY_TIMEOUT));
    }
    read.map(|()| collected.freeze())
}

/// Throws away the body of a request that is refused before it is read, and whose connection ends.
pub fn discard(request: &mut Request) {
    if !request.headers().contains_key(header::EXPECT) {
        let frames = Box::pin(request.take_body().into_bytes_stream());
        tokio::spawn(drain(frames, MAX_BODY, DISCARD_TIMEOUT));
    }
}

/// Reads on for a while beside the answer: a client that sends all before it reads would not get it otherwise, for a
/// connection that is closed with bytes unread is reset.
async fn drain(
    mut frames: impl Stream<Item = std::io::Result<Bytes>> + Unpin,
    max: usize,
    time: Duration,
) {
    let mut drained = 0;
    let draining = async {
        while let Some(Ok(frame)) = frames.next().await {
            drained += frame.len();
            if drained > max {
                break;
            }
        }
    };
    // What is left after that the client has to lose.
    let _ = tokio::time::timeout(time, draining).await;
}
