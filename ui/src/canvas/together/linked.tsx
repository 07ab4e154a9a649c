import type { ReactNode } from "react";

/** Text as it was written, with its web addresses as links. Nothing else in it means anything: no markup, no other scheme.
 * Characters that turn the direction of writing end an address, so that it reads as where it leads. */
export function linked(text: string): ReactNode[] {
  return text.split(ADDRESS).map((part, at) => {
    const key = `${at} ${part}`;
    const href = at % 2 === 1 ? address(part) : null;
    if (href === null) return part;
    return (
      <a
        key={key}
        href={href}
        target="_blank"
        rel="noopener noreferrer nofollow"
        className="text-accent-text underline"
      >
        {part}
      </a>
    );
  });
}

const ADDRESS =
  /(https?:\/\/[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]*[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069.,;:!?)\]}])/i;

function address(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
