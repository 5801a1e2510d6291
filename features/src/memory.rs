//! Advice to the memory system: what will be read soon, and where large pages help. Without effect on any result.

/// Cache lines of 64 bytes.
const LINE: usize = 64;

/// Asks for every cache line of a value; does nothing where the machine has no such instruction.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for line in 0..size_of::<T>().div_ceil(LINE) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing and cannot fault, whatever the address; this one lies within `value` besides.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(start.wrapping_add(line * LINE));
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (start, line);
    }
}

/// Asks for huge pages under a value that starts and ends at page borders; a system that declines goes on with small ones.
pub(crate) fn advise_huge<T>(value: &T) {
    #[cfg(target_os = "linux")]
    // SAFETY: the range is exactly that of `value`, and the advice changes neither contents nor validity of the memory.
    unsafe {
        libc::madvise(std::ptr::from_ref(value).cast_mut().cast(), size_of::<T>(), libc::MADV_HUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = value;
}
