//! bcrypt for several passwords in lockstep on one thread. Knows nothing of queues, threads or formats: bytes in,
//! [`Digest`] out.
//!
//! bcrypt (Provos and Mazières, "A Future-Adaptable Password Scheme", 1999) is one long chain of dependent table
//! look-ups, so a single hash leaves most of a core waiting. Here every round of Blowfish is done for all busy lanes
//! before the next round starts: their chains are independent and fill the core.

mod pi;
#[cfg(test)]
mod tests;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The most lanes that one [`Lanes`] steps together: 8 × 4.2 KB still fits a 48 KB first-level cache.
pub const MAX_LANES: usize = 8;

/// The bytes of a password that bcrypt looks at.
pub const PASSWORD_BYTES: usize = 72;

/// "OrpheanBeholderScryDoubt", the text that bcrypt encrypts.
const MAGIC: [[u32; 2]; 3] = [
    [0x4f727068, 0x65616e42],
    [0x65686f6c, 0x64657253],
    [0x63727944, 0x6f756274],
];

/// How often bcrypt encrypts each block of [`MAGIC`].
const MAGIC_TIMES: usize = 64;

/// The 23 bytes of a bcrypt hash: its last 31 base64 characters. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Digest([u8; 23]);

impl Digest {
    /// Whether the digests are equal, in a time that does not depend on where they differ.
    pub fn matches(&self, expected: &[u8; 23]) -> bool {
        self.0.ct_eq(expected).into()
    }

    /// The bytes, to be written into a new hash.
    pub fn as_bytes(&self) -> &[u8; 23] {
        &self.0
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// One password's Blowfish state, with the words that each step mixes in. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct LaneState {
    s: [[u32; 256]; 4],
    p: [u32; 18],
    /// The password and its NUL, repeated to fill the P-array.
    key: [u32; 18],
    salt: [u32; 4],
}

impl LaneState {
    const EMPTY: Self = Self {
        s: [[0; 256]; 4],
        p: [0; 18],
        key: [0; 18],
        salt: [0; 4],
    };

    /// Sets the state up for `password` and `salt`: EksBlowfishSetup without its loop.
    fn start(&mut self, password: &[u8], salt: &[u8; 16]) {
        let mut bytes = password
            .iter()
            .copied()
            .chain([0])
            .take(PASSWORD_BYTES)
            .cycle();
        for word in &mut self.key {
            *word = bytes
                .by_ref()
                .take(4)
                .fold(0, |word, byte| word << 8 | u32::from(byte));
        }
        for (word, bytes) in self.salt.iter_mut().zip(salt.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        self.s = pi::S;
        self.p = pi::P;
        self.expand_salted();
    }

    /// ExpandKey with both the password and the salt, which only the set-up does.
    fn expand_salted(&mut self) {
        for (subkey, word) in self.p.iter_mut().zip(&self.key) {
            *subkey ^= word;
        }
        let [mut left, mut right] = [[0]; 2];
        for i in 0..9 {
            left[0] ^= self.salt[2 * i % 4];
            right[0] ^= self.salt[(2 * i + 1) % 4];
            encrypt(std::array::from_mut(self), &mut left, &mut right);
            [self.p[2 * i], self.p[2 * i + 1]] = [left[0], right[0]];
        }
        for sbox in 0..4 {
            for i in 0..128 {
                // The salt goes on where the P-array, 18 words long, left off.
                left[0] ^= self.salt[(2 * i + 2) % 4];
                right[0] ^= self.salt[(2 * i + 3) % 4];
                encrypt(std::array::from_mut(self), &mut left, &mut right);
                self.s[sbox][2 * i] = left[0];
                self.s[sbox][2 * i + 1] = right[0];
            }
        }
    }

    /// Encrypts [`MAGIC`] with the finished state.
    fn digest(&mut self) -> Digest {
        let mut bytes = [0; 24];
        for (chunk, [left, right]) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(MAGIC) {
            let [mut left, mut right] = [[left], [right]];
            for _ in 0..MAGIC_TIMES {
                encrypt(std::array::from_mut(self), &mut left, &mut right);
            }
            let block = u64::from(left[0]) << 32 | u64::from(right[0]);
            *chunk = block.to_be_bytes();
        }
        let mut digest = Digest([0; 23]);
        digest.0.copy_from_slice(&bytes[..23]);
        bytes.zeroize();
        digest
    }

    /// Takes over another lane's state without a temporary copy that nobody would wipe.
    fn copy_from(&mut self, other: &Self) {
        for (ours, theirs) in self.s.iter_mut().zip(&other.s) {
            ours.copy_from_slice(theirs);
        }
        self.p.copy_from_slice(&other.p);
        self.key.copy_from_slice(&other.key);
        self.salt.copy_from_slice(&other.salt);
    }
}

/// Up to [`MAX_LANES`] hashes in progress. The busy lanes are always the first ones, without a gap.
pub struct Lanes {
    states: Box<[LaneState; MAX_LANES]>,
    busy: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self::new()
    }
}

impl Lanes {
    /// All lanes empty.
    pub fn new() -> Self {
        Self {
            states: Box::new([LaneState::EMPTY; MAX_LANES]),
            busy: 0,
        }
    }

    /// How many lanes have a hash in progress.
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// Starts a hash in the next lane, whose number is what [`Lanes::busy`] was. Of the password the first
    /// [`PASSWORD_BYTES`] count; a NUL follows a shorter one, as in `$2b$`.
    ///
    /// # Panics
    /// When all lanes are busy.
    pub fn join(&mut self, password: &[u8], salt: &[u8; 16]) {
        self.states[self.busy].start(password, salt);
        self.busy += 1;
    }

    /// One cost iteration in every busy lane: expand with the password, expand with the salt. A hash of cost `c` needs
    /// 2^c of them.
    pub fn step(&mut self) {
        match self.busy {
            0 => {}
            1 => self.step_first::<1>(),
            2 => self.step_first::<2>(),
            3 => self.step_first::<3>(),
            4 => self.step_first::<4>(),
            5 => self.step_first::<5>(),
            6 => self.step_first::<6>(),
            7 => self.step_first::<7>(),
            _ => step(&mut self.states),
        }
    }

    fn step_first<const N: usize>(&mut self) {
        if let Some(lanes) = self.states.first_chunk_mut::<N>() {
            step(lanes);
        }
    }

    /// The digest of the hash in `lane`, which has had all its steps. The lane stays busy.
    ///
    /// # Panics
    /// When the lane is not busy.
    pub fn digest(&mut self, lane: usize) -> Digest {
        assert!(lane < self.busy, "lane {lane} is not busy");
        self.states[lane].digest()
    }

    /// Ends the hash in `lane`, which has had all its steps, and closes the gap like [`Lanes::leave`].
    ///
    /// # Panics
    /// When the lane is not busy.
    pub fn finish(&mut self, lane: usize) -> Digest {
        let digest = self.digest(lane);
        self.leave(lane);
        digest
    }

    /// Gives the hash in `lane` up and wipes it. The last busy lane moves into its place, as in `Vec::swap_remove`.
    ///
    /// # Panics
    /// When the lane is not busy.
    pub fn leave(&mut self, lane: usize) {
        assert!(lane < self.busy, "lane {lane} is not busy");
        self.busy -= 1;
        let (front, back) = self.states.split_at_mut(self.busy);
        if let Some(state) = front.get_mut(lane) {
            state.copy_from(&back[0]);
        }
        back[0].zeroize();
    }

    /// Takes the unfinished hash out of `lane`, to be gone on with by [`Lanes::resume`] here or elsewhere, and closes
    /// the gap like [`Lanes::leave`].
    ///
    /// # Panics
    /// When the lane is not busy.
    pub fn detach(&mut self, lane: usize) -> Box<LaneState> {
        assert!(lane < self.busy, "lane {lane} is not busy");
        let mut state = Box::new(LaneState::EMPTY);
        state.copy_from(&self.states[lane]);
        self.leave(lane);
        state
    }

    /// Goes on with a detached hash in the next lane.
    ///
    /// # Panics
    /// When all lanes are busy.
    pub fn resume(&mut self, state: &LaneState) {
        self.states[self.busy].copy_from(state);
        self.busy += 1;
    }

    /// Gives all hashes up and wipes them.
    pub fn clear(&mut self) {
        for state in &mut self.states[..self.busy] {
            state.zeroize();
        }
        self.busy = 0;
    }
}

/// One cost iteration of N lanes. Not inlined, so that each N is one function with its own register allocation.
#[inline(never)]
fn step<const N: usize>(lanes: &mut [LaneState; N]) {
    for lane in lanes.iter_mut() {
        for (subkey, word) in lane.p.iter_mut().zip(&lane.key) {
            *subkey ^= word;
        }
    }
    expand(lanes);
    for lane in lanes.iter_mut() {
        for (i, subkey) in lane.p.iter_mut().enumerate() {
            *subkey ^= lane.salt[i % 4];
        }
    }
    expand(lanes);
}

/// Blowfish's key schedule after the key is mixed in: the cipher, run over its own state, replaces it.
#[inline(always)]
fn expand<const N: usize>(lanes: &mut [LaneState; N]) {
    let mut left = [0; N];
    let mut right = [0; N];
    for i in 0..9 {
        encrypt(lanes, &mut left, &mut right);
        for k in 0..N {
            lanes[k].p[2 * i] = left[k];
            lanes[k].p[2 * i + 1] = right[k];
        }
    }
    for sbox in 0..4 {
        for i in 0..128 {
            encrypt(lanes, &mut left, &mut right);
            for k in 0..N {
                lanes[k].s[sbox][2 * i] = left[k];
                lanes[k].s[sbox][2 * i + 1] = right[k];
            }
        }
    }
}

/// One block through each lane's cipher. Six lanes and more gain a few percent when all sixteen rounds stand in a row,
/// and fewer lose as much (measured on Zen 5).
#[inline(always)]
fn encrypt<const N: usize>(lanes: &[LaneState; N], left: &mut [u32; N], right: &mut [u32; N]) {
    for k in 0..N {
        left[k] ^= lanes[k].p[0];
    }
    if N < 6 {
        for i in 0..4 {
            four_rounds(lanes, left, right, 4 * i);
        }
    } else {
        four_rounds(lanes, left, right, 0);
        four_rounds(lanes, left, right, 4);
        four_rounds(lanes, left, right, 8);
        four_rounds(lanes, left, right, 12);
    }
    for k in 0..N {
        right[k] ^= lanes[k].p[17];
    }
    std::mem::swap(left, right);
}

/// The rounds whose subkeys follow subkey `i`.
#[inline(always)]
fn four_rounds<const N: usize>(
    lanes: &[LaneState; N],
    left: &mut [u32; N],
    right: &mut [u32; N],
    i: usize,
) {
    round(lanes, left, right, i + 1);
    round(lanes, right, left, i + 2);
    round(lanes, left, right, i + 3);
    round(lanes, right, left, i + 4);
}

/// The same round of every lane. The subkey is mixed in before F, off the chain of dependent look-ups.
#[inline(always)]
fn round<const N: usize>(
    lanes: &[LaneState; N],
    from: &[u32; N],
    into: &mut [u32; N],
    subkey: usize,
) {
    for k in 0..N {
        into[k] ^= lanes[k].p[subkey];
        into[k] ^= round_function(&lanes[k].s, from[k]);
    }
}

/// Blowfish's F. Every index is a byte, so no bounds check is left.
#[inline(always)]
fn round_function(s: &[[u32; 256]; 4], x: u32) -> u32 {
    let a = s[0][usize::from((x >> 24) as u8)];
    let b = s[1][usize::from((x >> 16) as u8)];
    let c = s[2][usize::from((x >> 8) as u8)];
    let d = s[3][usize::from(x as u8)];
    (a.wrapping_add(b) ^ c).wrapping_add(d)
}
