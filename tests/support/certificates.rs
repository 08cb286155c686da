//! Certificates for tests, made by the openssl command.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn openssl(folder: &Path, arguments: &[&str]) {
    let made = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("this test needs the openssl command");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

const KEY: &[&str] = &[
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// Makes somebody who signs certificates; gives his own.
pub fn authority(folder: &Path, name: &str) -> PathBuf {
    let (subject, key, certificate) = (
        format!("/CN={name}"),
        format!("{name}.key"),
        format!("{name}.pem"),
    );
    let arguments = [
        "req",
        "-x509",
        "-subj",
        &subject,
        "-keyout",
        &key,
        "-out",
        &certificate,
    ];
    openssl(folder, &[&arguments, KEY].concat());
    folder.join(certificate)
}

/// Makes a certificate for `host`, signed by `signer`; gives it and its key.
pub fn certificate(folder: &Path, signer: &str, name: &str, host: &str) -> (PathBuf, PathBuf) {
    let [key, request, certificate, extensions] =
        ["key", "csr", "pem", "ext"].map(|ending| format!("{name}.{ending}"));
    let subject = format!("/CN={name}");
    let arguments = ["req", "-subj", &subject, "-keyout", &key, "-out", &request];
    openssl(folder, &[&arguments, KEY].concat());
    let lines = format!("subjectAltName={host}\nbasicConstraints=CA:FALSE\n");
    std::fs::write(folder.join(&extensions), lines).expect("writes");
    let (by, by_key) = (format!("{signer}.pem"), format!("{signer}.key"));
    let arguments = [
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        &by,
        "-CAkey",
        &by_key,
        "-CAcreateserial",
        "-extfile",
        &extensions,
        "-out",
        &certificate,
    ];
    openssl(folder, &arguments);
    (folder.join(certificate), folder.join(key))
}
