//! Finds the process that listens on a port, as `ss -ltnp` does: reads the socket's inode from the kernel's table, and
//! searches the file descriptors of all processes for that socket. Also finds the user that listens at an address.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN_STATE: &str = "0A";

/// Returns the name and id of the process that listens on `port`, such as `codex (process 4711)`. Returns `None` if the
/// process is not found: for example, it belongs to another user, or the system has no `/proc`.
pub fn holder_of(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let socket = format!("socket:[{}]", tables.iter().find_map(|table| inode_of(table, port))?);
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let holder = processes.filter(|process| has_open(process, &socket)).min()?;
    let name = fs::read_to_string(holder.join("comm")).ok()?;
    Some(format!("{} (process {})", name.trim(), holder.file_name()?.to_string_lossy()))
}

/// Returns the id of the user whose process accepts connections to `address` of this machine. Returns `None` if there is
/// none, or if the system has no `/proc`.
pub fn user_listening_at(address: SocketAddr) -> Option<u32> {
    let [tcp, tcp6] = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let at = |table: &str, ip: String| user_of(table, &format!("{ip}:{:04X}", address.port()));
    // The kernel prefers the exact address. A socket for all IPv6 addresses usually accepts IPv4 too.
    match address.ip() {
        IpAddr::V4(ip) => at(&tcp, words_of(&ip.octets()))
            .or_else(|| at(&tcp, words_of(&Ipv4Addr::UNSPECIFIED.octets())))
            .or_else(|| at(&tcp6, words_of(&ip.to_ipv6_mapped().octets())))
            .or_else(|| at(&tcp6, words_of(&Ipv6Addr::UNSPECIFIED.octets()))),
        IpAddr::V6(ip) => {
            at(&tcp6, words_of(&ip.octets())).or_else(|| at(&tcp6, words_of(&Ipv6Addr::UNSPECIFIED.octets())))
        }
    }
}

/// Returns an address as in the kernel's tables: each four bytes as a number in the machine's byte order.
fn words_of(octets: &[u8]) -> String {
    let (words, _none) = octets.as_chunks::<4>();
    words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
}

/// Returns the user of the socket that listens at `local`, in the eighth column of the table.
fn user_of(table: &str, local: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, address, _, state, _, _, _, user, ..] = columns.as_slice() else { return None };
        if *address == local && *state == LISTEN_STATE { user.parse().ok() } else { None }
    })
}

/// Returns the inode of the socket that listens on `port`. The columns are described in proc(5): the local address is
/// the second, the state the fourth, and the inode the tenth.
fn inode_of(table: &str, port: u16) -> Option<&str> {
    let port = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, ..] = columns.as_slice() else { return None };
        if local.ends_with(&port) && *state == LISTEN_STATE { columns.get(9).copied() } else { None }
    })
}

fn has_open(process: &Path, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket))
}
