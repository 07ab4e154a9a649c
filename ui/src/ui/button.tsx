import { cva, type VariantProps } from "class-variance-authority";
import { LoaderCircle, type LucideIcon } from "lucide-react";
import { Slot } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Kbd } from "./kbd";
import { Tooltip } from "./tooltip";

const button = cva(
  "inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors disabled:pointer-events-none disabled:opacity-50 aria-disabled:pointer-events-none aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "bg-accent text-on-accent hover:bg-accent-hover",
        secondary: "border border-line bg-surface text-ink shadow-card hover:bg-hover",
        ghost: "text-ink hover:bg-hover active:bg-pressed",
        danger: "border border-line bg-surface text-st-failed shadow-card hover:bg-hover",
      },
      size: { sm: "h-7 px-2.5 text-xs", md: "h-8 px-3 text-sm", lg: "h-10 px-4 text-base" },
      icon: { true: "px-0", false: "" },
    },
    compoundVariants: [
      { icon: true, size: "sm", class: "w-7" },
      { icon: true, size: "md", class: "w-8" },
      { icon: true, size: "lg", class: "w-10" },
    ],
    defaultVariants: { variant: "secondary", size: "md", icon: false },
  },
);

type ButtonProps = ComponentProps<"button"> &
  Omit<VariantProps<typeof button>, "icon"> & { asChild?: boolean; pending?: boolean; icon?: LucideIcon };

/** Says what happens ("Start run"). One primary per screen. `asChild` with a Link inside makes it a link. */
export function Button({
  variant,
  size,
  asChild,
  pending,
  icon: Icon,
  className,
  children,
  ...rest
}: ButtonProps) {
  const classes = cn(button({ variant, size }), className);
  if (asChild) {
    return (
      <Slot.Root className={classes} {...rest}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button
      type="button"
      className={classes}
      aria-busy={pending || undefined}
      {...rest}
      disabled={rest.disabled || pending}
    >
      {pending ? <LoaderCircle className="animate-spin" aria-hidden /> : Icon && <Icon aria-hidden />}
      {children}
    </button>
  );
}

type IconButtonProps = Omit<ComponentProps<"button">, "aria-label" | "children"> &
  Omit<VariantProps<typeof button>, "icon"> & {
    label: string;
    icon: LucideIcon;
    shortcut?: string;
    pressed?: boolean;
    side?: "top" | "right" | "bottom" | "left";
    children?: ReactNode;
  };

/** A button that is only a picture: `label` is its name, and with the shortcut its tooltip. */
export function IconButton({
  label,
  icon: Icon,
  shortcut,
  pressed,
  side,
  variant = "ghost",
  size,
  className,
  children,
  ...rest
}: IconButtonProps) {
  const tip = (
    <span className="flex items-center gap-2">
      {label} {shortcut && <Kbd keys={shortcut} />}
    </span>
  );
  return (
    <Tooltip content={tip} side={side}>
      <button
        type="button"
        aria-label={label}
        aria-pressed={pressed}
        className={cn(
          button({ variant, size, icon: true }),
          pressed && "bg-pressed text-accent-text",
          className,
        )}
        {...rest}
      >
        <Icon aria-hidden />
        {children}
      </button>
    </Tooltip>
  );
}
