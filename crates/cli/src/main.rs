//! The program `mozci`.

mod acting;
mod app;
mod args;
mod browser;
mod commands;
mod context;
mod desktop;
mod failure;
mod help;
mod log;
mod show;
mod stats;
mod status;
mod system;

fn main() -> std::process::ExitCode {
    app::main()
}
