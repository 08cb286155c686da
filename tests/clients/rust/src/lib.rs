//! The generated client, and what reads the problem documents that it hands out as bytes.

#![deny(warnings)]

mod generated {
    include!(concat!(env!("OUT_DIR"), "/vestibule.rs"));
}

pub use generated::{Client, types};

use futures_util::TryStreamExt;
use progenitor_client::{ByteStream, Error, ResponseValue};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

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
