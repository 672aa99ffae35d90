// What a dashboard in this directory has to be: Grafana's own types, with everything given that people read.
import type { Dashboard, FieldConfig, FieldConfigSource, Panel } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen'
import type { FieldConfig as TimeSeriesField, Options as TimeSeries } from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen'
import type { Options as Stat } from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen'

// Written is a type as JSON has it: an enum of strings is its strings.
type Written<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer U>
      ? Array<Written<U>>
      : T extends object
        ? { [K in keyof T]: Written<T[K]> }
        : T

// Some is a type of which some fields may be left to their defaults, at every depth.
type Some<T> = T extends Array<infer U> ? Array<Some<U>> : T extends object ? { [K in keyof T]?: Some<T[K]> } : T

type Source = { type: 'prometheus'; uid: '${datasource}' }
type Target = { refId: string; expr: string; legendFormat: string; datasource: Source }
type Fields<Custom> = {
  defaults: Omit<FieldConfig, 'custom'> & { unit: string; custom?: Some<Custom> }
  overrides: FieldConfigSource['overrides']
}
type Told = { title: string; description: string; datasource: Source; targets: Target[] }
type Any = Omit<Panel, keyof Told | 'type' | 'options' | 'fieldConfig'> & Told
type Shown =
  | (Any & { type: 'timeseries'; options?: Some<TimeSeries>; fieldConfig: Fields<TimeSeriesField> })
  | (Any & { type: 'stat'; options: Some<Stat>; fieldConfig: Fields<object> })

export type Board = Written<Omit<Dashboard, 'panels'> & { uid: string; title: string }> & { panels: Array<Written<Shown>> }
