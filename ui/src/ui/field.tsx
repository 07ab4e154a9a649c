import { CircleAlert, Eye, EyeOff, Search, X } from "lucide-react";
import { type ComponentProps, createContext, type ReactNode, useContext, useId, useState } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";

type FieldIds = { id: string; describedBy: string | undefined; invalid: boolean };
const FieldContext = createContext<FieldIds | null>(null);

type FieldProps = {
  label: ReactNode;
  hint?: ReactNode;
  error?: ReactNode;
  required?: boolean;
  /** To the right of the label: a switch to an expression, a link. */
  aside?: ReactNode;
  hideLabel?: boolean;
  className?: string;
  children: ReactNode;
};

/** Label, control, hint and error, tied together for screen readers. Controls of this kit find their ids by themselves. */
export function Field({ label, hint, error, required, aside, hideLabel, className, children }: FieldProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  const describedBy = [hint && hintId, error && errorId].filter(Boolean).join(" ") || undefined;
  return (
    <FieldContext.Provider value={{ id, describedBy, invalid: Boolean(error) }}>
      <div className={cn("flex min-w-0 flex-col gap-1", className)}>
        <div className={cn("flex items-center justify-between gap-2", hideLabel && !aside && "sr-only")}>
          <label htmlFor={id} id={`${id}-label`} className="font-medium text-sm">
            {label}
            {required && <span className="text-muted"> {t("(required)")}</span>}
          </label>
          {aside}
        </div>
        {children}
        {error && (
          <p id={errorId} className="flex gap-1 text-st-failed text-xs">
            <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
            <span className="min-w-0 break-words">{error}</span>
          </p>
        )}
        {hint && (
          <p id={hintId} className="text-muted text-xs">
            {hint}
          </p>
        )}
      </div>
    </FieldContext.Provider>
  );
}

/** For controls inside a Field: `<MyControl {...useField()} />`. Empty outside of one, and for a control with a `name` of its
 * own: the second one of a Field. */
export function useField(name?: string): {
  id?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
  "aria-labelledby"?: string;
} {
  const field = useContext(FieldContext);
  if (!field || name !== undefined) return {};
  return {
    id: field.id,
    "aria-labelledby": `${field.id}-label`,
    "aria-describedby": field.describedBy,
    "aria-invalid": field.invalid || undefined,
  };
}

export const CONTROL =
  "w-full min-w-0 rounded-md border border-edge/60 bg-surface px-2.5 text-ink text-sm placeholder:text-muted/80 hover:border-edge focus-visible:outline-offset-0 disabled:opacity-60 aria-invalid:border-st-failed";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return (
    <input
      autoComplete="off"
      spellCheck={false}
      {...useField(rest["aria-label"])}
      {...rest}
      className={cn(CONTROL, "h-8", className)}
    />
  );
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return (
    <textarea
      spellCheck={false}
      rows={3}
      {...useField()}
      {...rest}
      className={cn(CONTROL, "py-1.5", className)}
    />
  );
}

/** A value that is not shown while it is typed, unless asked to. */
export function SecretInput(props: ComponentProps<"input">) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <span className="relative block">
      <Input
        {...props}
        type={shown ? "text" : "password"}
        autoComplete="new-password"
        className="pr-9 font-mono"
      />
      <button
        type="button"
        aria-label={shown ? t("Hide") : t("Show")}
        onClick={() => setShown(!shown)}
        className="absolute inset-y-0 right-0 grid w-8 place-items-center rounded-md text-muted hover:text-ink"
      >
        <Icon aria-hidden className="size-4" />
      </button>
    </span>
  );
}

type SearchProps = Omit<ComponentProps<"input">, "onChange" | "value"> & {
  value: string;
  onChange: (value: string) => void;
  label: string;
};

/** Search box of a list. Escape empties it. */
export function SearchInput({ value, onChange, label, className, ...rest }: SearchProps) {
  return (
    <span className={cn("relative block", className)}>
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted" />
      <Input
        type="search"
        aria-label={label}
        placeholder={label}
        {...rest}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value) {
            event.preventDefault();
            event.stopPropagation();
            onChange("");
          }
        }}
        className="pr-8 pl-8 [&::-webkit-search-cancel-button]:hidden"
      />
      {value && (
        <button
          type="button"
          aria-label={t("Clear search")}
          onClick={() => onChange("")}
          className="absolute inset-y-0 right-0 grid w-8 place-items-center text-muted hover:text-ink"
        >
          <X aria-hidden className="size-4" />
        </button>
      )}
    </span>
  );
}
