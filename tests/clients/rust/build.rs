//! Generates the client from the file that `OPENAPI` names, as the documentation of progenitor shows it.

use std::{env, fs, path::Path};

use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed=OPENAPI");
    let openapi = env::var("OPENAPI")?;
    println!("cargo::rerun-if-changed={openapi}");
    let mut specification = serde_json::from_str(&fs::read_to_string(openapi)?)?;
    keep_one_success(&mut specification);
    let specification = serde_json::from_value(specification)?;
    let client = progenitor::Generator::default().generate_tokens(&specification)?;
    let file = Path::new(&env::var("OUT_DIR")?).join("vestibule.rs");
    fs::write(file, client.to_string())?;
    Ok(())
}

/// progenitor knows one success of an operation alone: the first, here. The others become answers that nobody expects.
fn keep_one_success(specification: &mut Value) {
    let paths = specification["paths"].as_object_mut();
    let operations = paths
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|operations| operations.values_mut());
    for operation in operations {
        let Some(Value::Object(responses)) = operation.get_mut("responses") else {
            continue;
        };
        let mut seen = false;
        responses.retain(|status, _| {
            let is_success = status.starts_with('2');
            let is_another = is_success && seen;
            seen |= is_success;
            !is_another
        });
    }
}
