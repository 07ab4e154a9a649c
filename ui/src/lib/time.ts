const ABSOLUTE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const NUMBER = new Intl.NumberFormat();
const PLAIN = new Intl.PluralRules("en");

/** Grouped digits. */
export function count(value: number): string {
  return NUMBER.format(value);
}

/** `plural(3, "run")` is "3 runs". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${PLAIN.select(value) === "one" ? one : many}`;
}

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
  if (size < 10) return "just now";
  const [value, unit] =
    size < 60
      ? [size, "s"]
      : size < 3600
        ? [Math.round(size / 60), "min"]
        : size < 86_400
          ? [Math.round(size / 3600), "h"]
          : [Math.round(size / 86_400), "d"];
  if (unit === "d" && value > 13) return DAY.format(then);
  const text = unit === "d" ? plural(value, "day") : `${value} ${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** From milliseconds: 850 ms, 12 s, 3 m 20 s, 2 h 05 m, 3 d 4 h. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < 1000) return `${ms} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60)
    return seconds % 60 ? `${minutes} m ${String(seconds % 60).padStart(2, "0")} s` : `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24)
    return minutes % 60 ? `${hours} h ${String(minutes % 60).padStart(2, "0")} m` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
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
