//! Reads the problem documents that the generated client hands out as bytes.

use futures_util::TryStreamExt;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use vestibule_client::{ByteStream, Error, ResponseValue};

/// A documented error answer with its body, read as `P`.
#[derive(Debug)]
pub struct Refusal<P> {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub problem: P,
}

/// Reads the error of a call.
///
/// # Panics
///
/// When the call succeeded, failed on its way, or was answered what openapi.json does not say: a story ends there.
pub async fn refusal<T: std::fmt::Debug, P: DeserializeOwned>(
    result: Result<ResponseValue<T>, Error<ByteStream>>,
) -> Refusal<P> {
    let answer = match result {
        Err(Error::ErrorResponse(answer)) => answer,
        Err(other) => panic!("not a documented answer: {other}"),
        Ok(answer) => panic!("not refused: {answer:?}"),
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body: Vec<u8> = answer
        .into_inner()
        .into_inner()
        .try_fold(Vec::new(), |mut body, chunk| async move {
            body.extend_from_slice(&chunk);
            Ok(body)
        })
        .await
        .expect("a body");
    Refusal {
        status,
        headers,
        problem: serde_json::from_slice(&body).expect("a problem document"),
    }
}
