export { CanvasEditor, type Place } from "./frame";
