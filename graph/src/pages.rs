//! A growable array in huge pages, and prefetch. All `unsafe` of this crate is in this file.
//!
//! Why not `Vec`: growing a `Vec` of 200 MB copies 200 MB in the middle of somebody's payment, and 4 KiB pages make every random read a
//! TLB miss as well. Here growth adds one 2 MiB page and never moves an element.
//! The pages come from the global allocator, which should be the system's: with mimalloc half of them were backed by small pages and a
//! sample took twice as long (measured on the 2M-payment stream).
//! Cost: an access is one multiplication more than a `Vec`'s; at most one page per array is partly unused.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Index, IndexMut};
use std::ptr::NonNull;

/// Size and alignment of a page: a huge page of x86-64 and of 4 KiB-granule arm64.
const PAGE_BYTES: usize = 2 << 20;
const PAGE: Layout = match Layout::from_size_align(PAGE_BYTES, PAGE_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("a page's size is a power of two"),
};

/// Array of `T` that grows page by page; numbers stay valid and elements stay in place until it is dropped.
pub(crate) struct Pages<T> {
    pages: Vec<NonNull<T>>,
    len: u32,
}

// SAFETY: `Pages` owns its elements and hands out references only by the usual borrowing rules, like `Vec`.
unsafe impl<T: Send> Send for Pages<T> {}
// SAFETY: as above; shared access gives `&T` only.
unsafe impl<T: Sync> Sync for Pages<T> {}

impl<T> Pages<T> {
    const PER_PAGE: u32 = {
        assert!(size_of::<T>() > 0 && size_of::<T>() <= PAGE_BYTES && align_of::<T>() <= PAGE_BYTES);
        (PAGE_BYTES / size_of::<T>()) as u32
    };

    pub fn new() -> Self {
        Pages { pages: Vec::new(), len: 0 }
    }

    /// How many elements there are.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Bytes taken from the system.
    pub fn bytes(&self) -> u64 {
        (self.pages.len() * PAGE_BYTES + self.pages.capacity() * size_of::<NonNull<T>>()) as u64
    }

    /// Adds an element and returns its number.
    pub fn push(&mut self, value: T) -> u32 {
        let number = self.len;
        let page = (number / Self::PER_PAGE) as usize;
        if page == self.pages.len() {
            self.pages.push(new_page().cast());
        }
        // SAFETY: `page` exists now and the offset is below PER_PAGE, so the slot lies inside the page; it holds no element yet
        // (number == len), so nothing is overwritten without being dropped.
        unsafe { self.pages[page].as_ptr().add((number % Self::PER_PAGE) as usize).write(value) };
        self.len = number.checked_add(1).expect("fewer than 2^32 elements: every caller's limit is below that");
        number
    }

    #[inline(always)]
    fn slot(&self, number: u32) -> NonNull<T> {
        assert!(number < self.len, "number {number} of {}", self.len);
        let page = (number / Self::PER_PAGE) as usize;
        // SAFETY: number < len, so its page exists (pages are only ever added, one per PER_PAGE elements) and the offset lies inside it.
        unsafe { self.pages.get_unchecked(page).add((number % Self::PER_PAGE) as usize) }
    }

    #[inline(always)]
    fn run_start(&self, first: u32, len: usize) -> *mut T {
        if len == 0 {
            return NonNull::dangling().as_ptr();
        }
        assert!(first as usize + len <= self.len as usize, "{len} elements from {first} of {}", self.len);
        assert!((first % Self::PER_PAGE) as usize + len <= Self::PER_PAGE as usize, "a run lies within one page");
        self.slot(first).as_ptr()
    }

    /// A run of elements that lies within one page, e.g. any aligned run of a power of two of elements of a power of two of bytes.
    #[inline(always)]
    pub fn run(&self, first: u32, len: usize) -> &[T] {
        // SAFETY: `run_start` checked that the elements exist and lie in one page, so next to each other; `&self` keeps writers away.
        unsafe { std::slice::from_raw_parts(self.run_start(first, len), len) }
    }

    /// A run of elements, to change.
    #[inline(always)]
    pub fn run_mut(&mut self, first: u32, len: usize) -> &mut [T] {
        // SAFETY: as in `run`; `&mut self` keeps every other access away.
        unsafe { std::slice::from_raw_parts_mut(self.run_start(first, len), len) }
    }

    /// Asks the processor to fetch the cache line that an element starts in.
    #[inline(always)]
    pub fn prefetch(&self, number: u32) {
        prefetch(self.slot(number).as_ptr().cast());
    }
}

impl<T> Index<u32> for Pages<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, number: u32) -> &T {
        // SAFETY: `slot` checked that the element exists; it was written by `push`, and `&self` keeps writers away.
        unsafe { self.slot(number).as_ref() }
    }
}

impl<T> IndexMut<u32> for Pages<T> {
    #[inline(always)]
    fn index_mut(&mut self, number: u32) -> &mut T {
        // SAFETY: as in `index`; `&mut self` keeps every other access away.
        unsafe { self.slot(number).as_mut() }
    }
}

impl<T> Drop for Pages<T> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            for number in 0..self.len {
                // SAFETY: each element below `len` was written once and is dropped once, here.
                unsafe { self.slot(number).as_ptr().drop_in_place() };
            }
        }
        for page in &self.pages {
            // SAFETY: the page came from `alloc` with this very layout and is given back once.
            unsafe { dealloc(page.as_ptr().cast(), PAGE) };
        }
    }
}

fn new_page() -> NonNull<u8> {
    // SAFETY: the layout's size is not zero.
    let page = unsafe { alloc(PAGE) };
    let Some(page) = NonNull::new(page) else { handle_alloc_error(PAGE) };
    advise_huge(page);
    page
}

#[cfg(target_os = "linux")]
fn advise_huge(page: NonNull<u8>) {
    // SAFETY: the range is one page of ours, page-aligned. The advice is about backing only and never changes contents; a system that
    // refuses it (no huge pages) just leaves small ones, so the result does not matter.
    unsafe { libc::madvise(page.as_ptr().cast(), PAGE_BYTES, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge(_page: NonNull<u8>) {}

/// Asks the processor to fetch the cache line that a value starts in.
#[inline(always)]
pub(crate) fn prefetch_reference<T>(value: &T) {
    prefetch(std::ptr::from_ref(value).cast());
}

#[inline(always)]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint: it never faults and changes nothing, whatever the address; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stay_in_place_over_many_pages() {
        let mut pages = Pages::<[u64; 6]>::new();
        let count = 3 * Pages::<[u64; 6]>::PER_PAGE + 7;
        for n in 0..count {
            assert_eq!(pages.push([u64::from(n); 6]), n);
        }
        let first = std::ptr::from_ref(&pages[0]);
        pages[count - 1][5] = 1;
        pages.prefetch(count - 1);
        assert!((0..count - 1).all(|n| pages[n] == [u64::from(n); 6]));
        assert_eq!(std::ptr::from_ref(&pages[0]), first);
        assert_eq!((pages.len(), pages[count - 1][5]), (count, 1));
        assert!(pages.bytes() >= 4 * PAGE_BYTES as u64 && pages.bytes() < 5 * PAGE_BYTES as u64);
    }

    #[test]
    fn a_run_lies_within_one_page() {
        let mut pages = Pages::<u64>::new();
        for n in 0..u64::from(Pages::<u64>::PER_PAGE) + 8 {
            pages.push(n);
        }
        assert_eq!(pages.run(8, 3), [8, 9, 10]);
        pages.run_mut(Pages::<u64>::PER_PAGE, 8)[7] = 0;
        assert_eq!((pages[Pages::<u64>::PER_PAGE + 7], pages.run(u32::MAX, 0).len()), (0, 0));
        let beyond = |first, len| std::panic::catch_unwind(|| pages.run(first, len).len()).is_err();
        assert!(beyond(Pages::<u64>::PER_PAGE - 1, 2) && beyond(Pages::<u64>::PER_PAGE + 1, 8));
    }

    #[test]
    fn elements_are_dropped_once() {
        let counted = std::rc::Rc::new(());
        let mut pages = Pages::new();
        for _ in 0..1000 {
            pages.push(counted.clone());
        }
        pages[3] = std::rc::Rc::new(());
        drop(pages);
        assert_eq!(std::rc::Rc::strong_count(&counted), 1);
    }

    #[test]
    #[should_panic(expected = "number 0 of 0")]
    fn a_missing_element_is_a_broken_invariant() {
        let _ = Pages::<u64>::new()[0];
    }
}
