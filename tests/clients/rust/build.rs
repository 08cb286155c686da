//! Generates the client from the file that `OPENAPI` names, as the documentation of progenitor shows it.

use std::{env, fs, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed=OPENAPI");
    let openapi = env::var("OPENAPI")?;
    println!("cargo::rerun-if-changed={openapi}");
    let specification = serde_json::from_str(&fs::read_to_string(openapi)?)?;
    let client = progenitor::Generator::default().generate_tokens(&specification)?;
    let file = Path::new(&env::var("OUT_DIR")?).join("vestibule.rs");
    fs::write(file, client.to_string())?;
    Ok(())
}
