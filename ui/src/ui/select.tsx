import { Check, ChevronDown } from "lucide-react";
import { Select as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { CONTROL, useField } from "./field";

export type Option = { value: string; label: string; hint?: string; icon?: ReactNode; disabled?: boolean };

type Props = {
  value: string | undefined;
  onChange: (value: string) => void;
  options: readonly Option[];
  placeholder?: string;
  /** The name, where no Field gives it: outside of one, or as the second control of one. */
  label?: string;
  disabled?: boolean;
  className?: string;
};

/** A choice among few. For many, or with a search, take Combobox. Option values must not be empty. */
export function Select({
  value,
  onChange,
  options,
  placeholder = t("Choose"),
  label,
  disabled,
  className,
}: Props) {
  const field = useField(label);
  return (
    <Radix.Root value={value ?? ""} onValueChange={onChange} disabled={disabled}>
      <Radix.Trigger
        {...field}
        aria-labelledby={undefined}
        aria-label={label}
        className={cn(
          CONTROL,
          "flex h-8 items-center justify-between gap-2 text-left data-[placeholder]:text-muted",
          className,
        )}
      >
        <span className="min-w-0 truncate">
          <Radix.Value placeholder={placeholder} />
        </span>
        <Radix.Icon>
          <ChevronDown aria-hidden className="size-4 text-muted" />
        </Radix.Icon>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          className="z-50 max-h-80 min-w-(--radix-select-trigger-width) overflow-hidden rounded-lg bg-raised shadow-pop"
        >
          <Radix.Viewport className="p-1">
            {options.map((option) => (
              <Radix.Item
                key={option.value}
                value={option.value}
                disabled={option.disabled}
                className="flex select-none items-center gap-2 rounded-md py-1.5 pr-7 pl-2 text-sm outline-none data-[highlighted]:bg-hover data-[disabled]:opacity-50"
              >
                {option.icon}
                <span className="min-w-0">
                  <Radix.ItemText>{option.label}</Radix.ItemText>
                  {option.hint && <span className="block text-muted text-xs">{option.hint}</span>}
                </span>
                <Radix.ItemIndicator className="absolute right-2.5">
                  <Check aria-hidden className="size-4 text-accent-text" />
                </Radix.ItemIndicator>
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
