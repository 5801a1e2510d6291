//! Exact least-recently-active order as a doubly linked list whose links live in the elements themselves: no allocation, O(1) each step.

use crate::pages::Pages;

/// End of a list, and of a chain of free numbers.
pub(crate) const NONE: u32 = u32::MAX;

/// How far ahead elements are asked for when many are linked.
const LINKED_AHEAD: usize = 16;

/// Links of one element: towards the more and the less recently active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Links {
    pub newer: u32,
    pub older: u32,
}

/// An element that carries links.
pub(crate) trait Linked {
    fn links(&self) -> Links;
    fn links_mut(&mut self) -> &mut Links;
}

/// The two ends of the order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    pub newest: u32,
    pub oldest: u32,
}

impl List {
    pub fn new() -> Self {
        List { newest: NONE, oldest: NONE }
    }

    /// The list of these numbers, least recently active first; each stands in it once.
    pub fn of<T: Linked>(elements: &mut Pages<T>, oldest_first: &[u32]) -> Self {
        let at = |place: usize| oldest_first.get(place).copied().unwrap_or(NONE);
        for (place, &number) in oldest_first.iter().enumerate() {
            if let Some(&soon) = oldest_first.get(place + LINKED_AHEAD) {
                elements.prefetch(soon);
            }
            *elements[number].links_mut() = Links { newer: at(place + 1), older: at(place.wrapping_sub(1)) };
        }
        List { newest: at(oldest_first.len().wrapping_sub(1)), oldest: at(0) }
    }

    /// Puts an element that is in no list at the recent end.
    pub fn push<T: Linked>(&mut self, elements: &mut Pages<T>, number: u32) {
        *elements[number].links_mut() = Links { newer: NONE, older: self.newest };
        match self.newest {
            NONE => self.oldest = number,
            newest => elements[newest].links_mut().newer = number,
        }
        self.newest = number;
    }

    /// Takes an element out.
    pub fn unlink<T: Linked>(&mut self, elements: &mut Pages<T>, number: u32) {
        let Links { newer, older } = elements[number].links();
        match newer {
            NONE => self.newest = older,
            newer => elements[newer].links_mut().older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => elements[older].links_mut().newer = newer,
        }
    }

    /// Makes an element the most recently active one.
    pub fn touch<T: Linked>(&mut self, elements: &mut Pages<T>, number: u32) {
        if self.newest != number {
            self.unlink(elements, number);
            self.push(elements, number);
        }
    }

    /// Fetches both neighbours of an element, ahead of a touch.
    #[inline(always)]
    pub fn prefetch_around<T: Linked>(&self, elements: &Pages<T>, number: u32) {
        let Links { newer, older } = elements[number].links();
        for neighbour in [newer, older] {
            if neighbour != NONE {
                elements.prefetch(neighbour);
            }
        }
    }

    /// Every number, least recently active first.
    pub fn oldest_first<'a, T: Linked>(&self, elements: &'a Pages<T>) -> impl Iterator<Item = u32> + 'a {
        chain(self.oldest, |number| elements[number].links().newer)
    }
}

/// The numbers of a chain, up to [`NONE`].
pub(crate) fn chain(first: u32, next: impl Fn(u32) -> u32) -> impl Iterator<Item = u32> {
    let number = |number: u32| (number != NONE).then_some(number);
    std::iter::successors(number(first), move |&last| number(next(last)))
}
