import { ablations } from './ablations.ts'
import { answerer } from './answerer.ts'
import { attention } from './attention.ts'
import { controls } from './controls.ts'
import { localisation } from './localisation.ts'
import { methods } from './methods.ts'
import { overhead } from './overhead.ts'
import { settings } from './settings.ts'
import { size } from './size.ts'
import type { Study } from './study.ts'

/** In the order of the paper; those that it does not have come last. */
export const studies: readonly Study[] = [
  size,
  attention,
  methods,
  ablations,
  overhead,
  localisation,
  controls,
  answerer,
  settings,
]

/** @throws an error that lists the studies there are */
export function findStudy(name: string): Study {
  const found = studies.find(study => study.name === name)
  if (found !== undefined) return found
  throw new Error(`study "${name}" is not known; known: ${studies.map(study => study.name).join(', ')}`)
}
