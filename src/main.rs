//! Hands the command line to `cli`; nothing else.

fn main() -> std::process::ExitCode {
    vestibule::cli::run()
}
