//! A configuration in Pungi's dialect. What follows a line `#---` is another file, which the first can import as `other`; it can
//! import itself as `main`.

#![no_main]

use charmer_compose::config::pungi::dialect::load;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let (main, other) = text.split_once("\n#---\n").unwrap_or((text, ""));
    let file = folder.path().join("main.conf");
    fs_err::write(&file, main).expect("the folder is writable");
    fs_err::write(folder.path().join("other.conf"), other).expect("the folder is writable");
    let variables = [("arch".to_owned(), "x86_64".to_owned())];
    match load(&file.to_string_lossy(), &variables) {
        Ok(loaded) => {
            // An import may set the variable to something else, but nothing takes one away.
            assert!(loaded.values.contains_key("arch"));
            assert_eq!(loaded.opened_files.first().map(String::as_str), file.to_str());
            let places = loaded.assigned.values().chain(loaded.traps.iter().map(|trap| &trap.place));
            places.for_each(|place| assert!(place.line > 0 && loaded.opened_files.contains(&place.file), "{place}"));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
