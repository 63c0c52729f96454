// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written for other people's tools, held against their schemas. The end-to-end tests do so for SARIF and JSON; that of JUnit
//! is an XML schema, which nothing in Rust reads: Jenkins' own, as pytest ships it with its tests, and libxml2 to read it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::corpus;
use crate::shell::{self, Said, TaskError, attempt, output, repository};

/// What is judged: modules with findings of all kinds, a file that is no module, and one that is not there.
const INPUTS: [&str; 4] = ["testdata/6.1", "testdata/hidden/6.1", "testdata/src/Kbuild", "testdata/none.ko"];

/// `cargo xtask formats`
pub fn task(_: &[String]) -> Result<(), TaskError> {
    let schema = schema(&corpus::home().join("schemas"))?;
    let report = corpus::home().join("schemas/report.xml");
    let options = ["check", "--format", "junit", "--symvers", "testdata/6.1/Module.symvers", "-o"];
    let path = report.display().to_string();
    attempt(&shell::symgate()?, options.into_iter().chain([path.as_str()]).chain(INPUTS), &repository())?;
    let text = fs::read_to_string(&report).map_err(TaskError::io(&report))?;
    let (tests, failures) = (text.matches("<testcase ").count(), text.matches("<failure ").count());
    if failures == 0 {
        return Err(TaskError::Other("there is no finding in the report".to_owned()));
    }
    let validate = |report: &Path| {
        let args = ["--noout", "--schema"].map(Path::new);
        attempt(Path::new("xmllint"), args.into_iter().chain([schema.as_path(), report]), &repository())
    };
    let Said { status, stdout, stderr } = validate(&report)?;
    if status != Some(0) {
        return Err(TaskError::Other(format!("{path} does not follow {}:\n{stdout}{stderr}", schema.display())));
    }
    // A schema that takes everything would show nothing.
    let wrong = report.with_extension("wrong.xml");
    let denied = text.replace("<failure ", "<denied ").replace("</failure>", "</denied>");
    fs::write(&wrong, denied).map_err(TaskError::io(&wrong))?;
    if validate(&wrong)?.status == Some(0) {
        return Err(TaskError::Other("the schema takes what is wrong".to_owned()));
    }
    println!("JUnit: {tests} tests, {failures} failures: as the schema has them");
    Ok(())
}

/// The schema, fetched once.
fn schema(folder: &Path) -> Result<PathBuf, TaskError> {
    let schema = folder.join("junit-10.xsd");
    if !schema.exists() {
        fs::create_dir_all(folder).map_err(TaskError::io(folder))?;
        let script = format!(
            "cd '{}' && python3 -m pip download -q --no-deps --no-binary :all: -d sdist pytest && \
             tar -xf sdist/pytest-*.tar.gz -C . --strip-components=3 --wildcards '*/junit-10.xsd' && rm -r sdist",
            folder.display()
        );
        output("sh", ["-c", &script])?;
    }
    Ok(schema)
}
