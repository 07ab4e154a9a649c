import { Check, Minus } from "lucide-react";
import { Checkbox as Radix } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";
import { useField } from "./field";

type CheckboxProps = ComponentProps<typeof Radix.Root> & { label?: ReactNode };

export function Checkbox({ label, className, ...rest }: CheckboxProps) {
  const box = (
    <Radix.Root
      {...useField()}
      {...rest}
      className={cn(
        "grid size-4 shrink-0 place-items-center rounded-sm border border-edge bg-surface text-on-accent data-[state=checked]:border-accent data-[state=checked]:bg-accent",
        className,
      )}
    >
      <Radix.Indicator>
        {rest.checked === "indeterminate" ? (
          <Minus aria-hidden className="size-3 text-accent-text" strokeWidth={3} />
        ) : (
          <Check aria-hidden className="size-3" strokeWidth={3} />
        )}
      </Radix.Indicator>
    </Radix.Root>
  );
  if (!label) return box;
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: Radix draws the control
    <label className="flex items-center gap-2 text-sm">
      {box} {label}
    </label>
  );
}
