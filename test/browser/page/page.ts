import * as vicrop from 'vicrop/web'

Object.assign(globalThis, { vicrop })
