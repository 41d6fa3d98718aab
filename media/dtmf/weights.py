"""The trained score's numbers, one for each feature of decide.measure, then one for each feature's square.

Origin: scripts/train_dtmf.py, seed 1001, from 309616 looks at generated keys and 144043 at what is no key:
generated talkers, glides, chords and noise, and the Debian packages
asterisk-core-sounds-en-wav, asterisk-core-sounds-es-wav, asterisk-core-sounds-fr-wav, asterisk-core-sounds-
it-wav, asterisk-core-sounds-ru-wav, asterisk-prompt-it-menardi-wav, asterisk-prompt-es-co, asterisk-prompt-
fr-armelle, gcin-voice, fillets-ng-data-cs, ktuberling-data, asterisk-moh-opsound-wav.
Not to be edited by hand.
"""

from typing import Final

import numpy as np

from media.dtmf.tables import Doubles

CENTRE: Final[Doubles] = np.array(
    [
        -2.6034, -3.7408, -3.5932, -3.6766, -3.4458, -3.5869, -3.4135, -3.6806, -3.3647, -3.4118, -3.1978,
        -3.4042, -3.2212, -3.2288, 0.016353, 0.016227, 0.12435, 0.11835, 0.19608, 0.38269, -3.0126, -3.5639,
        2.5065
    ]
)
SCALE: Final[Doubles] = np.array(
    [
        0.88849, 1.8478, 1.4807, 1.7613, 1.1614, 1.566, 1.2408, 1.7675, 1.1608, 1.2473, 1.1095, 1.2032, 1.4445,
        1.3785, 25.965, 25.281, 2.7031, 2.7361, 1.273, 0.73892, 0.78253, 1.1775, 9.5895
    ]
)
WEIGHTS: Final[Doubles] = np.array(
    [
        1.6032, 4.4129, -2.5707, 1.6656, 1.3706, 2.7737, -1.6077, 3.3611, -1.2637, 1.9872, -1.3068, -6.2116,
        0.49139, -1.0323, -0.34267, -0.021757, -2.1175, -1.6124, -1.6476, -2.1709, 0.47847, -2.0029, 0.27942,
        1.566, -0.69766, 0.31894, -0.49018, -0.65804, -0.90651, -0.077674, -0.82264, -0.089316, -0.84357,
        -0.37404, 0.55891, -0.19538, 0.43187, 0.029869, 0.0076236, 0.17985, 0.0077125, 0.22924, 0.19456,
        -1.6121, 0.39981, 0.012722
    ]
)
BIAS: Final = 19.29991
