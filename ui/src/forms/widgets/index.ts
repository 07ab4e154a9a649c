/** Every widget, by the name that `x-widget` says. To add one: a file beside this, and a line here. */
import { registerWidget } from "../registry";
import { DurationWidget } from "./duration";
import { ExpressionWidget } from "./expression";
import { ArrayWidget, JsonWidget, ObjectWidget, StringsWidget } from "./groups";
import { HeadersWidget } from "./headers";
import { MappingWidget } from "./mapping";
import {
  ConnectionWidget,
  connectionFits,
  OrchestratorWidget,
  ProviderWidget,
  WorkflowWidget,
  workflowFits,
} from "./remote";
import { RulesWidget } from "./rows";
import { BooleanWidget, EnumWidget, NumberWidget, PasswordWidget, StringWidget } from "./simple";
import { WebhookAuthWidget } from "./webhook-auth";

registerWidget("string", { component: StringWidget });
registerWidget("password", { component: PasswordWidget });
registerWidget("secret", { component: PasswordWidget });
registerWidget("number", { component: NumberWidget });
registerWidget("boolean", { component: BooleanWidget, bare: true });
registerWidget("enum", { component: EnumWidget });
registerWidget("strings", { component: StringsWidget });
registerWidget("array", { component: ArrayWidget, bare: true });
registerWidget("object", { component: ObjectWidget, bare: true });
registerWidget("json", { component: JsonWidget });
registerWidget("schema", { component: JsonWidget });
registerWidget("code", { component: ExpressionWidget, bare: true });
registerWidget("expression", { component: ExpressionWidget, bare: true });
registerWidget("duration", { component: DurationWidget });
registerWidget("headers", { component: HeadersWidget, bare: true });
registerWidget("mapping", { component: MappingWidget, bare: true });
registerWidget("rules", { component: RulesWidget, bare: true });
registerWidget("provider", { component: ProviderWidget });
registerWidget("connection", { component: ConnectionWidget, fits: connectionFits });
registerWidget("workflow", { component: WorkflowWidget, fits: workflowFits });
registerWidget("orchestrator", { component: OrchestratorWidget });
registerWidget("webhook-auth", { component: WebhookAuthWidget, bare: true });
