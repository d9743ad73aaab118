//! The program `mozci`.

mod acting;
mod app;
mod args;
mod commands;
mod complete;
mod context;
mod desk;
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
