import { Command } from "cmdk";
import { Check, ChevronsUpDown, X } from "lucide-react";
import { Popover } from "radix-ui";
import { type ReactNode, useState } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { CONTROL, useField } from "./field";
import type { Option } from "./select";

type Props = {
  value: string | null;
  onChange: (value: string | null) => void;
  options: readonly Option[];
  placeholder?: string;
  /** The name, where no Field gives it: outside of one, or as the second control of one. */
  label?: string;
  /** Shown instead of the options' label: for a value that is not among them. */
  shown?: ReactNode;
  clearable?: boolean;
  loading?: boolean;
  empty?: ReactNode;
  footer?: ReactNode;
  disabled?: boolean;
  /** Given: the caller searches (on the server), and options come as found. */
  onSearch?: (text: string) => void;
};

/** A choice among many, with a search. */
export function Combobox(props: Props) {
  const {
    value,
    onChange,
    options,
    placeholder = t("Choose"),
    label,
    shown,
    clearable,
    loading,
    disabled,
  } = props;
  const [open, setOpen] = useState(false);
  const field = useField(label);
  const chosen = options.find((option) => option.value === value);
  const text = shown ?? chosen?.label ?? value;
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <span className="relative block min-w-0">
        <Popover.Trigger
          {...field}
          aria-labelledby={undefined}
          aria-label={label}
          role="combobox"
          aria-expanded={open}
          disabled={disabled}
          className={cn(CONTROL, "flex h-8 items-center justify-between gap-2 text-left")}
        >
          <span
            className={cn(
              "flex min-w-0 items-center gap-2 truncate",
              text === null && "text-muted",
              clearable && value !== null && "pr-6",
            )}
          >
            {chosen?.icon}
            <span className="truncate">{text ?? placeholder}</span>
          </span>
          <ChevronsUpDown aria-hidden className="size-3.5 shrink-0 text-muted" />
        </Popover.Trigger>
        {clearable && value !== null && !disabled && (
          <button
            type="button"
            aria-label={t("Clear")}
            onClick={() => onChange(null)}
            className="absolute inset-y-0 right-7 grid w-6 place-items-center text-muted hover:text-ink"
          >
            <X aria-hidden className="size-3.5" />
          </button>
        )}
      </span>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          className="z-50 w-(--radix-popover-trigger-width) min-w-64 overflow-hidden rounded-lg bg-raised shadow-pop"
        >
          <Command shouldFilter={!props.onSearch} label={label ?? placeholder}>
            <Command.Input
              placeholder={t("Search")}
              onValueChange={props.onSearch}
              className="h-9 w-full border-b bg-transparent px-3 text-sm outline-none placeholder:text-muted"
            />
            <Command.List label={t("Suggestions")} className="max-h-72 overflow-y-auto p-1" tabIndex={-1}>
              <Command.Empty className="px-2 py-3 text-muted text-sm">
                {loading ? t("Loading …") : (props.empty ?? t("Nothing found"))}
              </Command.Empty>
              {options.map((option) => (
                <Command.Item
                  key={option.value}
                  value={option.value}
                  keywords={[option.label, option.hint ?? ""]}
                  disabled={option.disabled}
                  onSelect={() => {
                    setOpen(false);
                    onChange(option.value);
                  }}
                  className="flex items-center gap-2 rounded-md px-2 py-1.5 text-sm data-[selected=true]:bg-hover data-[disabled=true]:opacity-60"
                >
                  {option.icon}
                  <span className="min-w-0 flex-1">
                    <span className="block truncate">{option.label}</span>
                    {option.hint && <span className="block truncate text-muted text-xs">{option.hint}</span>}
                  </span>
                  {option.value === value && (
                    <Check aria-hidden className="size-4 shrink-0 text-accent-text" />
                  )}
                </Command.Item>
              ))}
            </Command.List>
            {props.footer && <div className="border-t px-3 py-2 text-muted text-xs">{props.footer}</div>}
          </Command>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
