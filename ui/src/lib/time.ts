import { count, locale, t } from "./text";

export { count };

const ABSOLUTE = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat(locale, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** In the reader's own zone, to the second. */
export function absolute(at: string | number | Date): string {
  return ABSOLUTE.format(new Date(at));
}

/** Hours, minutes and seconds of the reader's day. */
export function clock(at: string | number | Date): string {
  return CLOCK.format(new Date(at));
}

/** "just now", "5 min ago", "in 2 h", "3 days ago", then the day. */
export function relative(at: string | number | Date, now: number = Date.now()): string {
  const then = new Date(at).getTime();
  const seconds = Math.round((now - then) / 1000);
  const size = Math.abs(seconds);
  const ahead = seconds < 0;
  if (size < 10) return t("just now");
  if (size < 60) return ahead ? t("in {n} s", { n: size }) : t("{n} s ago", { n: size });
  if (size < 3600) {
    const n = Math.round(size / 60);
    return ahead ? t("in {n} min", { n }) : t("{n} min ago", { n });
  }
  if (size < 86_400) {
    const n = Math.round(size / 3600);
    return ahead ? t("in {n} h", { n }) : t("{n} h ago", { n });
  }
  const n = Math.round(size / 86_400);
  if (n > 13) return DAY.format(then);
  return ahead
    ? t("in {n, plural, one {# day} other {# days}}", { n })
    : t("{n, plural, one {# day} other {# days}} ago", { n });
}

/** From milliseconds: 850 ms, 12 s, 3 m 20 s, 2 h 05 m, 3 d 4 h. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < 1000) return t("{n} ms", { n: ms });
  if (ms < 9_950) return t("{n} s", { n: (ms / 1000).toFixed(1).replace(/\.0$/, "") });
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return t("{n} s", { n: seconds });
  const m = Math.floor(seconds / 60);
  if (m < 60) {
    const s = seconds % 60;
    return s ? t("{m} m {s} s", { m, s: String(s).padStart(2, "0") }) : t("{m} m", { m });
  }
  const h = Math.floor(m / 60);
  if (h < 24) {
    const rest = m % 60;
    return rest ? t("{h} h {m} m", { h, m: String(rest).padStart(2, "0") }) : t("{h} h", { h });
  }
  const d = Math.floor(h / 24);
  return h % 24 ? t("{d} d {h} h", { d, h: h % 24 }) : t("{d} d", { d });
}

/** How long something took, or has taken until now; null before it started. */
export function elapsed(
  startedAt: string | null,
  finishedAt: string | null,
  now: number = Date.now(),
): number | null {
  if (startedAt === null) return null;
  return (finishedAt === null ? now : Date.parse(finishedAt)) - Date.parse(startedAt);
}
