// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPM packages, whose header need not say what their archive says.

/// A file as a package's header lists it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) size: u64,
    pub(crate) target: String,
    pub(crate) inode: u32,
    pub(crate) flags: u32,
}

/// A value of a header: its kind, how many there are, its bytes.
type Value = (u32, u32, Vec<u8>);

/// The list that fits to an archive, as far as its headers can be read.
pub(crate) fn listed(archive: &[u8]) -> Vec<Listed> {
    let mut files = Vec::new();
    let mut rest = archive;
    while let Some(file) = first(&mut rest).filter(|file| file.path != "TRAILER!!!") {
        files.push(file);
    }
    files
}

/// The first entry of an archive, which goes on behind it.
fn first(archive: &mut &[u8]) -> Option<Listed> {
    let number = |place: usize| {
        let digits = archive.get(6 + place * 8..14 + place * 8)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mode, inode, size, name_len) = (number(1)?, number(0)?, number(6)?, number(11)? as usize);
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or(&[])).into_owned();
    let path = text(archive.get(110..110 + name_len)?);
    let start = (110 + name_len).next_multiple_of(4);
    let len = size as usize;
    let target = if mode & 0o170_000 == 0o120_000 { archive.get(start..start + len)? } else { &[] };
    let target = String::from_utf8_lossy(target).into_owned();
    let bare = path.strip_prefix("./").unwrap_or(&path).trim_start_matches('/');
    let path = if path == "TRAILER!!!" { path } else { format!("/{bare}") };
    *archive = archive.get(start + len.next_multiple_of(4)..).unwrap_or_default();
    Some(Listed { path, mode, size: size.into(), target, inode, flags: 0 })
}

/// A package whose header lists these files; sizes are long ones if the payload needs them.
pub(crate) fn package(files: &[Listed], long: bool, payload: &[u8]) -> Vec<u8> {
    package_without(&[], files, long, payload)
}

/// The same without some tags.
pub(crate) fn package_without(tags: &[u32], files: &[Listed], long: bool, payload: &[u8]) -> Vec<u8> {
    let omitted = tags;
    let all = |kind, size: usize, number: &dyn Fn(&Listed) -> u64| -> Value {
        let bytes = files.iter().flat_map(|file| number(file).to_be_bytes()[8 - size..].to_vec()).collect();
        (kind, u32::try_from(files.len()).expect("few files"), bytes)
    };
    let texts = |text: &dyn Fn(&Listed) -> String| -> Value {
        let bytes = files.iter().flat_map(|file| (text(file) + "\0").into_bytes()).collect();
        (8, u32::try_from(files.len()).expect("few files"), bytes)
    };
    let parts = |file: &Listed| {
        let (folder, name) = file.path.rsplit_once('/').expect("a slash");
        (format!("{folder}/"), name.to_owned())
    };
    let place = |file: &Listed| files.iter().position(|other| std::ptr::eq(file, other)).expect("itself") as u64;
    let sizes = if long { (5008, all(5, 8, &|file| file.size)) } else { (1028, all(4, 4, &|file| file.size)) };
    let mut tags = vec![
        (1030, all(3, 2, &|file| file.mode.into())),
        (1036, texts(&|file| file.target.clone())),
        (1037, all(4, 4, &|file| file.flags.into())),
        (1095, all(4, 4, &|_| 1)),
        (1096, all(4, 4, &|file| file.inode.into())),
        (1116, all(4, 4, &place)),
        (1117, texts(&|file| parts(file).1)),
        (1118, texts(&|file| parts(file).0)),
        (1124, (6, 1, b"cpio\0".to_vec())),
        sizes,
    ];
    tags.retain(|(tag, _)| !omitted.contains(tag));
    tags.sort_by_key(|(tag, _)| *tag);
    with_header(&header(&tags), payload)
}

/// A header of these tags and values.
pub(crate) fn header(tags: &[(u32, Value)]) -> Vec<u8> {
    let (mut index, mut values) = (Vec::new(), Vec::new());
    for (tag, (kind, count, bytes)) in tags {
        let offset = u32::try_from(values.len()).expect("a small header");
        index.extend([*tag, *kind, offset, *count].iter().flat_map(|number| number.to_be_bytes()));
        values.extend_from_slice(bytes);
    }
    let len = |bytes: &[u8], part| u32::try_from(bytes.len() / part).expect("a small header").to_be_bytes();
    [&[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0], &len(&index, 16)[..], &len(&values, 1), &index, &values].concat()
}

/// A package with this header and payload.
pub(crate) fn with_header(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut package = vec![0; 96];
    package[..4].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb]);
    // Of the signatures' header, which is filled up to eight bytes, nobody reads the values.
    package.extend(self::header(&[(1000, (7, 5, vec![7; 5]))]));
    package.extend([0; 3]);
    package.extend(header);
    package.extend(payload);
    package
}
