/** The product's mark: a baton in flight. */
export function Mark({ className = "size-6" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={className}>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <path d="M9 22 22 9" strokeWidth="4" strokeLinecap="round" className="stroke-on-accent" />
      <circle cx="9" cy="22" r="3.2" className="fill-on-accent" />
    </svg>
  );
}
