import { cn } from "@/lib/cn";

const RINGS = [
  "ring-st-running",
  "ring-st-waiting",
  "ring-st-held",
  "ring-st-retried",
  "ring-st-warning",
  "ring-st-timeout",
] as const;

/** A person as initials in a ring; the name is always said besides, by its tooltip here or in words beside it. */
export function Avatar({ name, said = name, small }: { name: string; said?: string; small?: boolean }) {
  return (
    <span
      role="img"
      aria-label={said}
      title={said}
      className={cn(
        "grid shrink-0 place-items-center rounded-full bg-surface font-semibold text-2xs ring-2 ring-inset",
        small ? "size-6" : "size-7",
        RINGS[ring(name)],
      )}
    >
      <span aria-hidden>{initials(name)}</span>
    </span>
  );
}

/** Of "ann.smith@example.org" AS, of "owner" OW. */
export function initials(name: string): string {
  const local = name.replace(/^[a-z]+:/, "").split("@")[0] || name;
  const words = local.split(/[\s._-]+/).filter(Boolean);
  const [first = "?", second] = words;
  const letters = second ? [...first].slice(0, 1).concat([...second].slice(0, 1)) : [...first].slice(0, 2);
  return letters.join("").toUpperCase();
}

function ring(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % RINGS.length;
}
