import { useEffect, useRef } from "react";

type Props = {
  label: string;
  value: string;
  onChange: (name: string) => void;
  /** `byKey`: the focus is to go on from here. */
  onDone: (byKey: boolean) => void;
};

/** A name, edited where it stands. Enter and Escape end it. */
export function NameField({ label, value, onChange, onDone }: Props) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  return (
    <input
      ref={field}
      aria-label={label}
      value={value}
      maxLength={200}
      onChange={(event) => onChange(event.target.value)}
      onBlur={() => onDone(false)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        event.currentTarget.closest<HTMLElement>(".react-flow__node")?.focus();
        onDone(true);
      }}
      className="nodrag nopan h-7 w-full min-w-0 rounded-md border border-edge bg-surface px-2 font-semibold text-sm outline-none focus-visible:border-accent-text"
    />
  );
}
