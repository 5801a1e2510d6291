// Numbers, money and times as people read them. Formatters are kept: making one costs more than using it a thousand times.

const numbers = new Intl.NumberFormat("en-GB");
const compacts = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const moneys = new Map<number, Intl.NumberFormat>();
const currencies = new Map<string, number>();

export const whole = (value: number): string => numbers.format(value);
export const compact = (value: number): string => compacts.format(value);
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;
export const signed = (value: number, digits = 2): string =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/** A probability keeps its meaning near 0 and 1, where fraud is decided. */
export const probability = (value: number): string =>
  value > 0 && value < 0.001 ? "<0.001" : value > 0.999 && value < 1 ? ">0.999" : value.toFixed(3);

export function money(amount_minor: number, currency: string): string {
  const digits = minorDigits(currency);
  return `${moneyFormat(digits).format(amount_minor / 10 ** digits)} ${currency}`;
}

/** Hundredths of the reference currency, whatever its own minor unit. */
export const hundredths = (amount: number, currency = ""): string =>
  `${moneyFormat(2).format(amount / 100)}${currency && ` ${currency}`}`;

function minorDigits(currency: string): number {
  let digits = currencies.get(currency);
  if (digits === undefined) {
    digits = askDigits(currency);
    currencies.set(currency, digits);
  }
  return digits;
}

function askDigits(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2; // not a currency that the browser knows
  }
}

function moneyFormat(digits: number): Intl.NumberFormat {
  let format = moneys.get(digits);
  if (!format) {
    format = new Intl.NumberFormat("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    moneys.set(digits, format);
  }
  return format;
}

/** `2026-11-22 18:58:32`, in the reader's time zone. Put together by hand: a list asks for hundreds while it scrolls. */
export function stamp(at: number | string | null | undefined): string {
  if (at === null || at === undefined) return "–";
  const date = new Date(at);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

const UNITS: [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** The two largest units of a duration: `3 d 4 h`, `12 min`. */
export function span(ms: number): string {
  let rest = Math.abs(ms);
  const told: string[] = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    if (count === 0 && told.length === 0) continue;
    if (count > 0) told.push(`${count} ${unit}`);
    rest -= count * size;
    // Seconds beside minutes would only flicker.
    if (told.length === 2 || unit === "min") break;
  }
  return told.join(" ") || "0 s";
}

const WORDS: Record<string, string> = {
  confirmed_fraud: "confirmed fraud",
  false_positive: "legitimate",
  inconclusive: "inconclusive",
  awaiting_approval: "awaiting approval",
};

/** A wire word as people say it. */
export const words = (wire: string): string => WORDS[wire] ?? wire.replaceAll("_", " ");
