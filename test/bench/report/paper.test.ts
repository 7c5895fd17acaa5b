import { expect, it } from 'vitest'
import { paperModelOf } from '../../../src/bench/report/paper.ts'
import { runNamed } from '../sample-row.ts'

it('the paper’s models are told by their shape', () => {
  const { model } = runNamed('')
  expect(paperModelOf(model)).toBeNull()
  expect(paperModelOf({ ...model, layerCount: 32, inputSize: 336 })).toBe('LLaVA-1.5')
  expect(paperModelOf({ ...model, layerCount: 40, inputSize: 336 })).toBeNull()
  expect(paperModelOf({ ...model, modelType: 'instructblip', layerCount: 32, inputSize: 224 })).toBe(
    'InstructBLIP',
  )
})
