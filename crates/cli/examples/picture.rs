//! Makes a picture (SVG) of what a program wrote to a terminal: `picture 'mozci jobs' < text > picture.svg`.

use std::io::Read;

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    if let Some(command) = std::env::args().nth(1) {
        text.push_str(&format!("\u{1b}[1m$ {command}\u{1b}[0m\n"));
    }
    std::io::stdin().read_to_string(&mut text)?;
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", anstyle_svg::Term::new().render_svg(&text))
}
