import { later, Skeleton } from "@/ui";
import type { WidgetProps } from "../types";
import type { Auth } from "../webhook/modes";

const Part = later(
  () => import("../webhook/auth").then((found) => found.WebhookAuth),
  () => <Skeleton className="h-8 w-full" />,
);

/** How a sender proves itself; fetched when a panel shows it. */
export function WebhookAuthWidget(props: WidgetProps<Auth | null>) {
  return <Part {...props} />;
}
