define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %result5 = alloca [64 x float], align 64
  %lanes33 = alloca [2048 x float], align 64
  %stack34 = alloca [3072 x float], align 64
  %blocks35 = alloca [1 x i64], align 64
  %lanes350 = alloca [512 x float], align 64
  %stack351 = alloca [768 x float], align 64
  %blocks352 = alloca [1 x i64], align 64
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %s1.p = getelementptr i64, ptr %vals, i64 1
  %s1 = load i64, ptr %s1.p
  %s2.p = getelementptr i64, ptr %vals, i64 2
  %s2 = load i64, ptr %s2.p
  %s3.p = getelementptr i64, ptr %vals, i64 3
  %s3 = load i64, ptr %s3.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = mul i64 %s1, 64
  %v6 = add i64 %s0, 63
  %v7 = ashr i64 %v6, 6
  br label %head8
head8:
  %p10 = phi i64 [ %begin, %entry ], [ %v525, %done18 ]
  %v11 = icmp slt i64 %p10, %end
  br i1 %v11, label %body12, label %exit9
body12:
  %v13 = shl i64 %p10, 6
  %v14 = sub i64 %s0, %v13
  %v15 = call i64 @llvm.smin.i64(i64 %v14, i64 64)
  %v19 = icmp sgt i64 %v15, 16
  br i1 %v19, label %tile16, label %columns17
tile16:
  %v20 = trunc i64 %v15 to i32
  %v21 = insertelement <16 x i32> poison, i32 %v20, i32 0
  %v22 = shufflevector <16 x i32> %v21, <16 x i32> poison, <16 x i32> zeroinitializer
  %v23 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v22
  %v24 = icmp ult <16 x i32> <i32 16, i32 17, i32 18, i32 19, i32 20, i32 21, i32 22, i32 23, i32 24, i32 25, i32 26, i32 27, i32 28, i32 29, i32 30, i32 31>, %v22
  %v25 = icmp ult <16 x i32> <i32 32, i32 33, i32 34, i32 35, i32 36, i32 37, i32 38, i32 39, i32 40, i32 41, i32 42, i32 43, i32 44, i32 45, i32 46, i32 47>, %v22
  %v26 = icmp ult <16 x i32> <i32 48, i32 49, i32 50, i32 51, i32 52, i32 53, i32 54, i32 55, i32 56, i32 57, i32 58, i32 59, i32 60, i32 61, i32 62, i32 63>, %v22
  store <16 x float> splat (float 0x0000000000000000), ptr %result5, align 4
  %v27 = getelementptr float, ptr %result5, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v27, align 4
  %v28 = getelementptr float, ptr %result5, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v28, align 4
  %v29 = getelementptr float, ptr %result5, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v29, align 4
  %v30 = icmp sgt i64 %s1, 0
  br i1 %v30, label %then32, label %end31
then32:
  store i64 0, ptr %blocks35
  %v36 = sub i64 %s1, 0
  %v37 = call i64 @llvm.smin.i64(i64 %v36, i64 32)
  br label %head38
head38:
  %p40 = phi i64 [ 0, %then32 ], [ %v48, %body42 ]
  %v41 = icmp slt i64 %p40, %v37
  br i1 %v41, label %body42, label %exit39
body42:
  %v43 = mul i64 %p40, 64
  %v44 = getelementptr float, ptr %lanes33, i64 %v43
  store <16 x float> splat (float 0x0000000000000000), ptr %v44, align 4
  %v45 = getelementptr float, ptr %v44, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v45, align 4
  %v46 = getelementptr float, ptr %v44, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v46, align 4
  %v47 = getelementptr float, ptr %v44, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v47, align 4
  %v48 = add i64 %p40, 1
  br label %head38
exit39:
  %v49 = add i64 %s2, %v13
  %v50 = getelementptr float, ptr %v1, i64 %v49
  br label %head51
head51:
  %p53 = phi i64 [ 0, %exit39 ], [ %v189, %end87 ]
  %v54 = icmp slt i64 %p53, %s1
  br i1 %v54, label %body55, label %exit52
body55:
  %v56 = mul i64 %s3, %p53
  %v57 = getelementptr float, ptr %v50, i64 %v56
  %v58 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v57, i32 4, <16 x i1> %v23, <16 x float> zeroinitializer)
  %v59 = getelementptr float, ptr %v57, i64 16
  %v60 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v59, i32 4, <16 x i1> %v24, <16 x float> zeroinitializer)
  %v61 = getelementptr float, ptr %v57, i64 32
  %v62 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v61, i32 4, <16 x i1> %v25, <16 x float> zeroinitializer)
  %v63 = getelementptr float, ptr %v57, i64 48
  %v64 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v63, i32 4, <16 x i1> %v26, <16 x float> zeroinitializer)
  %v65 = and i64 %p53, 31
  %v66 = mul i64 %v65, 64
  %v67 = getelementptr float, ptr %lanes33, i64 %v66
  %v68 = load <16 x float>, ptr %v67, align 4
  %v69 = getelementptr float, ptr %v67, i64 16
  %v70 = load <16 x float>, ptr %v69, align 4
  %v71 = getelementptr float, ptr %v67, i64 32
  %v72 = load <16 x float>, ptr %v71, align 4
  %v73 = getelementptr float, ptr %v67, i64 48
  %v74 = load <16 x float>, ptr %v73, align 4
  %v75 = fadd <16 x float> %v68, %v58
  %v76 = fadd <16 x float> %v70, %v60
  %v77 = fadd <16 x float> %v72, %v62
  %v78 = fadd <16 x float> %v74, %v64
  %v79 = mul i64 %v65, 64
  %v80 = getelementptr float, ptr %lanes33, i64 %v79
  store <16 x float> %v75, ptr %v80, align 4
  %v81 = getelementptr float, ptr %v80, i64 16
  store <16 x float> %v76, ptr %v81, align 4
  %v82 = getelementptr float, ptr %v80, i64 32
  store <16 x float> %v77, ptr %v82, align 4
  %v83 = getelementptr float, ptr %v80, i64 48
  store <16 x float> %v78, ptr %v83, align 4
  %v84 = add i64 %p53, 1
  %v85 = urem i64 %v84, 4096
  %v86 = icmp eq i64 %v85, 0
  br i1 %v86, label %then88, label %end87
then88:
  %v89 = sub i64 %v84, 4096
  %v90 = call i64 @llvm.smin.i64(i64 4096, i64 32)
  br label %head91
head91:
  %p93 = phi i64 [ 16, %then88 ], [ %v132, %exit99 ]
  %p94 = phi i64 [ %v90, %then88 ], [ %v133, %exit99 ]
  %v95 = icmp sgt i64 %p93, 0
  br i1 %v95, label %body96, label %exit92
body96:
  %v97 = sub i64 %p94, %p93
  br label %head98
head98:
  %p100 = phi i64 [ 0, %body96 ], [ %v131, %body102 ]
  %v101 = icmp slt i64 %p100, %v97
  br i1 %v101, label %body102, label %exit99
body102:
  %v103 = add i64 %p100, %p93
  %v104 = mul i64 %p100, 64
  %v105 = getelementptr float, ptr %lanes33, i64 %v104
  %v106 = load <16 x float>, ptr %v105, align 4
  %v107 = getelementptr float, ptr %v105, i64 16
  %v108 = load <16 x float>, ptr %v107, align 4
  %v109 = getelementptr float, ptr %v105, i64 32
  %v110 = load <16 x float>, ptr %v109, align 4
  %v111 = getelementptr float, ptr %v105, i64 48
  %v112 = load <16 x float>, ptr %v111, align 4
  %v113 = mul i64 %v103, 64
  %v114 = getelementptr float, ptr %lanes33, i64 %v113
  %v115 = load <16 x float>, ptr %v114, align 4
  %v116 = getelementptr float, ptr %v114, i64 16
  %v117 = load <16 x float>, ptr %v116, align 4
  %v118 = getelementptr float, ptr %v114, i64 32
  %v119 = load <16 x float>, ptr %v118, align 4
  %v120 = getelementptr float, ptr %v114, i64 48
  %v121 = load <16 x float>, ptr %v120, align 4
  %v122 = fadd <16 x float> %v106, %v115
  %v123 = fadd <16 x float> %v108, %v117
  %v124 = fadd <16 x float> %v110, %v119
  %v125 = fadd <16 x float> %v112, %v121
  %v126 = mul i64 %p100, 64
  %v127 = getelementptr float, ptr %lanes33, i64 %v126
  store <16 x float> %v122, ptr %v127, align 4
  %v128 = getelementptr float, ptr %v127, i64 16
  store <16 x float> %v123, ptr %v128, align 4
  %v129 = getelementptr float, ptr %v127, i64 32
  store <16 x float> %v124, ptr %v129, align 4
  %v130 = getelementptr float, ptr %v127, i64 48
  store <16 x float> %v125, ptr %v130, align 4
  %v131 = add i64 %p100, 1
  br label %head98
exit99:
  %v132 = lshr i64 %p93, 1
  %v133 = call i64 @llvm.smin.i64(i64 %p94, i64 %p93)
  br label %head91
exit92:
  %v134 = load <16 x float>, ptr %lanes33, align 4
  %v135 = getelementptr float, ptr %lanes33, i64 16
  %v136 = load <16 x float>, ptr %v135, align 4
  %v137 = getelementptr float, ptr %lanes33, i64 32
  %v138 = load <16 x float>, ptr %v137, align 4
  %v139 = getelementptr float, ptr %lanes33, i64 48
  %v140 = load <16 x float>, ptr %v139, align 4
  %v141 = load i64, ptr %blocks35
  %v142 = call i64 @llvm.ctpop.i64(i64 %v141)
  br label %head143
head143:
  %p145 = phi i64 [ %v141, %exit92 ], [ %v167, %body152 ]
  %p146 = phi i64 [ %v142, %exit92 ], [ %v153, %body152 ]
  %p147 = phi <16 x float> [ %v134, %exit92 ], [ %v163, %body152 ]
  %p148 = phi <16 x float> [ %v136, %exit92 ], [ %v164, %body152 ]
  %p149 = phi <16 x float> [ %v138, %exit92 ], [ %v165, %body152 ]
  %p150 = phi <16 x float> [ %v140, %exit92 ], [ %v166, %body152 ]
  %v151 = trunc i64 %p145 to i1
  br i1 %v151, label %body152, label %exit144
body152:
  %v153 = add i64 %p146, -1
  %v154 = mul i64 %v153, 64
  %v155 = getelementptr float, ptr %stack34, i64 %v154
  %v156 = load <16 x float>, ptr %v155, align 4
  %v157 = getelementptr float, ptr %v155, i64 16
  %v158 = load <16 x float>, ptr %v157, align 4
  %v159 = getelementptr float, ptr %v155, i64 32
  %v160 = load <16 x float>, ptr %v159, align 4
  %v161 = getelementptr float, ptr %v155, i64 48
  %v162 = load <16 x float>, ptr %v161, align 4
  %v163 = fadd <16 x float> %v156, %p147
  %v164 = fadd <16 x float> %v158, %p148
  %v165 = fadd <16 x float> %v160, %p149
  %v166 = fadd <16 x float> %v162, %p150
  %v167 = lshr i64 %p145, 1
  br label %head143
exit144:
  %v168 = mul i64 %p146, 64
  %v169 = getelementptr float, ptr %stack34, i64 %v168
  store <16 x float> %p147, ptr %v169, align 4
  %v170 = getelementptr float, ptr %v169, i64 16
  store <16 x float> %p148, ptr %v170, align 4
  %v171 = getelementptr float, ptr %v169, i64 32
  store <16 x float> %p149, ptr %v171, align 4
  %v172 = getelementptr float, ptr %v169, i64 48
  store <16 x float> %p150, ptr %v172, align 4
  %v173 = add i64 %v141, 1
  store i64 %v173, ptr %blocks35
  %v174 = add i64 %v89, 4096
  %v175 = sub i64 %s1, %v174
  %v176 = call i64 @llvm.smin.i64(i64 %v175, i64 32)
  br label %head177
head177:
  %p179 = phi i64 [ 0, %exit144 ], [ %v188, %body181 ]
  %v180 = icmp slt i64 %p179, %v176
  br i1 %v180, label %body181, label %exit178
body181:
  %v182 = add i64 %v174, %p179
  %v183 = mul i64 %p179, 64
  %v184 = getelementptr float, ptr %lanes33, i64 %v183
  store <16 x float> splat (float 0x0000000000000000), ptr %v184, align 4
  %v185 = getelementptr float, ptr %v184, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v185, align 4
  %v186 = getelementptr float, ptr %v184, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v186, align 4
  %v187 = getelementptr float, ptr %v184, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v187, align 4
  %v188 = add i64 %p179, 1
  br label %head177
exit178:
  br label %end87
end87:
  %v189 = add i64 %p53, 1
  br label %head51
exit52:
  %v190 = urem i64 %s1, 4096
  %v191 = icmp ne i64 %v190, 0
  br i1 %v191, label %then193, label %end192
then193:
  %v194 = sub i64 %s1, %v190
  %v195 = call i64 @llvm.smin.i64(i64 %v190, i64 32)
  br label %head196
head196:
  %p198 = phi i64 [ 16, %then193 ], [ %v237, %exit204 ]
  %p199 = phi i64 [ %v195, %then193 ], [ %v238, %exit204 ]
  %v200 = icmp sgt i64 %p198, 0
  br i1 %v200, label %body201, label %exit197
body201:
  %v202 = sub i64 %p199, %p198
  br label %head203
head203:
  %p205 = phi i64 [ 0, %body201 ], [ %v236, %body207 ]
  %v206 = icmp slt i64 %p205, %v202
  br i1 %v206, label %body207, label %exit204
body207:
  %v208 = add i64 %p205, %p198
  %v209 = mul i64 %p205, 64
  %v210 = getelementptr float, ptr %lanes33, i64 %v209
  %v211 = load <16 x float>, ptr %v210, align 4
  %v212 = getelementptr float, ptr %v210, i64 16
  %v213 = load <16 x float>, ptr %v212, align 4
  %v214 = getelementptr float, ptr %v210, i64 32
  %v215 = load <16 x float>, ptr %v214, align 4
  %v216 = getelementptr float, ptr %v210, i64 48
  %v217 = load <16 x float>, ptr %v216, align 4
  %v218 = mul i64 %v208, 64
  %v219 = getelementptr float, ptr %lanes33, i64 %v218
  %v220 = load <16 x float>, ptr %v219, align 4
  %v221 = getelementptr float, ptr %v219, i64 16
  %v222 = load <16 x float>, ptr %v221, align 4
  %v223 = getelementptr float, ptr %v219, i64 32
  %v224 = load <16 x float>, ptr %v223, align 4
  %v225 = getelementptr float, ptr %v219, i64 48
  %v226 = load <16 x float>, ptr %v225, align 4
  %v227 = fadd <16 x float> %v211, %v220
  %v228 = fadd <16 x float> %v213, %v222
  %v229 = fadd <16 x float> %v215, %v224
  %v230 = fadd <16 x float> %v217, %v226
  %v231 = mul i64 %p205, 64
  %v232 = getelementptr float, ptr %lanes33, i64 %v231
  store <16 x float> %v227, ptr %v232, align 4
  %v233 = getelementptr float, ptr %v232, i64 16
  store <16 x float> %v228, ptr %v233, align 4
  %v234 = getelementptr float, ptr %v232, i64 32
  store <16 x float> %v229, ptr %v234, align 4
  %v235 = getelementptr float, ptr %v232, i64 48
  store <16 x float> %v230, ptr %v235, align 4
  %v236 = add i64 %p205, 1
  br label %head203
exit204:
  %v237 = lshr i64 %p198, 1
  %v238 = call i64 @llvm.smin.i64(i64 %p199, i64 %p198)
  br label %head196
exit197:
  %v239 = load <16 x float>, ptr %lanes33, align 4
  %v240 = getelementptr float, ptr %lanes33, i64 16
  %v241 = load <16 x float>, ptr %v240, align 4
  %v242 = getelementptr float, ptr %lanes33, i64 32
  %v243 = load <16 x float>, ptr %v242, align 4
  %v244 = getelementptr float, ptr %lanes33, i64 48
  %v245 = load <16 x float>, ptr %v244, align 4
  %v246 = load i64, ptr %blocks35
  %v247 = call i64 @llvm.ctpop.i64(i64 %v246)
  br label %head248
head248:
  %p250 = phi i64 [ %v246, %exit197 ], [ %v272, %body257 ]
  %p251 = phi i64 [ %v247, %exit197 ], [ %v258, %body257 ]
  %p252 = phi <16 x float> [ %v239, %exit197 ], [ %v268, %body257 ]
  %p253 = phi <16 x float> [ %v241, %exit197 ], [ %v269, %body257 ]
  %p254 = phi <16 x float> [ %v243, %exit197 ], [ %v270, %body257 ]
  %p255 = phi <16 x float> [ %v245, %exit197 ], [ %v271, %body257 ]
  %v256 = trunc i64 %p250 to i1
  br i1 %v256, label %body257, label %exit249
body257:
  %v258 = add i64 %p251, -1
  %v259 = mul i64 %v258, 64
  %v260 = getelementptr float, ptr %stack34, i64 %v259
  %v261 = load <16 x float>, ptr %v260, align 4
  %v262 = getelementptr float, ptr %v260, i64 16
  %v263 = load <16 x float>, ptr %v262, align 4
  %v264 = getelementptr float, ptr %v260, i64 32
  %v265 = load <16 x float>, ptr %v264, align 4
  %v266 = getelementptr float, ptr %v260, i64 48
  %v267 = load <16 x float>, ptr %v266, align 4
  %v268 = fadd <16 x float> %v261, %p252
  %v269 = fadd <16 x float> %v263, %p253
  %v270 = fadd <16 x float> %v265, %p254
  %v271 = fadd <16 x float> %v267, %p255
  %v272 = lshr i64 %p250, 1
  br label %head248
exit249:
  %v273 = mul i64 %p251, 64
  %v274 = getelementptr float, ptr %stack34, i64 %v273
  store <16 x float> %p252, ptr %v274, align 4
  %v275 = getelementptr float, ptr %v274, i64 16
  store <16 x float> %p253, ptr %v275, align 4
  %v276 = getelementptr float, ptr %v274, i64 32
  store <16 x float> %p254, ptr %v276, align 4
  %v277 = getelementptr float, ptr %v274, i64 48
  store <16 x float> %p255, ptr %v277, align 4
  %v278 = add i64 %v246, 1
  store i64 %v278, ptr %blocks35
  %v279 = add i64 %v194, %v190
  %v280 = sub i64 %s1, %v279
  %v281 = call i64 @llvm.smin.i64(i64 %v280, i64 32)
  br label %head282
head282:
  %p284 = phi i64 [ 0, %exit249 ], [ %v293, %body286 ]
  %v285 = icmp slt i64 %p284, %v281
  br i1 %v285, label %body286, label %exit283
body286:
  %v287 = add i64 %v279, %p284
  %v288 = mul i64 %p284, 64
  %v289 = getelementptr float, ptr %lanes33, i64 %v288
  store <16 x float> splat (float 0x0000000000000000), ptr %v289, align 4
  %v290 = getelementptr float, ptr %v289, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v290, align 4
  %v291 = getelementptr float, ptr %v289, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v291, align 4
  %v292 = getelementptr float, ptr %v289, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v292, align 4
  %v293 = add i64 %p284, 1
  br label %head282
exit283:
  br label %end192
end192:
  %v294 = load i64, ptr %blocks35
  %v295 = call i64 @llvm.ctpop.i64(i64 %v294)
  %v296 = add i64 %v295, -1
  %v297 = mul i64 %v296, 64
  %v298 = getelementptr float, ptr %stack34, i64 %v297
  %v299 = load <16 x float>, ptr %v298, align 4
  %v300 = getelementptr float, ptr %v298, i64 16
  %v301 = load <16 x float>, ptr %v300, align 4
  %v302 = getelementptr float, ptr %v298, i64 32
  %v303 = load <16 x float>, ptr %v302, align 4
  %v304 = getelementptr float, ptr %v298, i64 48
  %v305 = load <16 x float>, ptr %v304, align 4
  br label %head306
head306:
  %p308 = phi i64 [ %v296, %end192 ], [ %v315, %body314 ]
  %p309 = phi <16 x float> [ %v299, %end192 ], [ %v325, %body314 ]
  %p310 = phi <16 x float> [ %v301, %end192 ], [ %v326, %body314 ]
  %p311 = phi <16 x float> [ %v303, %end192 ], [ %v327, %body314 ]
  %p312 = phi <16 x float> [ %v305, %end192 ], [ %v328, %body314 ]
  %v313 = icmp sgt i64 %p308, 0
  br i1 %v313, label %body314, label %exit307
body314:
  %v315 = add i64 %p308, -1
  %v316 = mul i64 %v315, 64
  %v317 = getelementptr float, ptr %stack34, i64 %v316
  %v318 = load <16 x float>, ptr %v317, align 4
  %v319 = getelementptr float, ptr %v317, i64 16
  %v320 = load <16 x float>, ptr %v319, align 4
  %v321 = getelementptr float, ptr %v317, i64 32
  %v322 = load <16 x float>, ptr %v321, align 4
  %v323 = getelementptr float, ptr %v317, i64 48
  %v324 = load <16 x float>, ptr %v323, align 4
  %v325 = fadd <16 x float> %v318, %p309
  %v326 = fadd <16 x float> %v320, %p310
  %v327 = fadd <16 x float> %v322, %p311
  %v328 = fadd <16 x float> %v324, %p312
  br label %head306
exit307:
  store <16 x float> %p309, ptr %result5, align 4
  %v329 = getelementptr float, ptr %result5, i64 16
  store <16 x float> %p310, ptr %v329, align 4
  %v330 = getelementptr float, ptr %result5, i64 32
  store <16 x float> %p311, ptr %v330, align 4
  %v331 = getelementptr float, ptr %result5, i64 48
  store <16 x float> %p312, ptr %v331, align 4
  br label %end31
end31:
  %v332 = load <16 x float>, ptr %result5, align 4
  %v333 = getelementptr float, ptr %result5, i64 16
  %v334 = load <16 x float>, ptr %v333, align 4
  %v335 = getelementptr float, ptr %result5, i64 32
  %v336 = load <16 x float>, ptr %v335, align 4
  %v337 = getelementptr float, ptr %result5, i64 48
  %v338 = load <16 x float>, ptr %v337, align 4
  %v339 = getelementptr float, ptr %v3, i64 %v13
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v332, ptr %v339, i32 4, <16 x i1> %v23)
  %v340 = getelementptr float, ptr %v339, i64 16
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v334, ptr %v340, i32 4, <16 x i1> %v24)
  %v341 = getelementptr float, ptr %v339, i64 32
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v336, ptr %v341, i32 4, <16 x i1> %v25)
  %v342 = getelementptr float, ptr %v339, i64 48
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v338, ptr %v342, i32 4, <16 x i1> %v26)
  br label %done18
columns17:
  %v343 = trunc i64 %v15 to i32
  %v344 = insertelement <16 x i32> poison, i32 %v343, i32 0
  %v345 = shufflevector <16 x i32> %v344, <16 x i32> poison, <16 x i32> zeroinitializer
  %v346 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v345
  store <16 x float> splat (float 0x0000000000000000), ptr %result5, align 4
  %v347 = icmp sgt i64 %s1, 0
  br i1 %v347, label %then349, label %end348
then349:
  store i64 0, ptr %blocks352
  %v353 = sub i64 %s1, 0
  %v354 = call i64 @llvm.smin.i64(i64 %v353, i64 32)
  br label %head355
head355:
  %p357 = phi i64 [ 0, %then349 ], [ %v362, %body359 ]
  %v358 = icmp slt i64 %p357, %v354
  br i1 %v358, label %body359, label %exit356
body359:
  %v360 = mul i64 %p357, 16
  %v361 = getelementptr float, ptr %lanes350, i64 %v360
  store <16 x float> splat (float 0x0000000000000000), ptr %v361, align 4
  %v362 = add i64 %p357, 1
  br label %head355
exit356:
  %v363 = add i64 %s2, %v13
  %v364 = getelementptr float, ptr %v1, i64 %v363
  br label %head365
head365:
  %p367 = phi i64 [ 0, %exit356 ], [ %v443, %end383 ]
  %v368 = icmp slt i64 %p367, %s1
  br i1 %v368, label %body369, label %exit366
body369:
  %v370 = mul i64 %s3, %p367
  %v371 = getelementptr float, ptr %v364, i64 %v370
  %v372 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v371, i32 4, <16 x i1> %v346, <16 x float> zeroinitializer)
  %v373 = and i64 %p367, 31
  %v374 = mul i64 %v373, 16
  %v375 = getelementptr float, ptr %lanes350, i64 %v374
  %v376 = load <16 x float>, ptr %v375, align 4
  %v377 = fadd <16 x float> %v376, %v372
  %v378 = mul i64 %v373, 16
  %v379 = getelementptr float, ptr %lanes350, i64 %v378
  store <16 x float> %v377, ptr %v379, align 4
  %v380 = add i64 %p367, 1
  %v381 = urem i64 %v380, 4096
  %v382 = icmp eq i64 %v381, 0
  br i1 %v382, label %then384, label %end383
then384:
  %v385 = sub i64 %v380, 4096
  %v386 = call i64 @llvm.smin.i64(i64 4096, i64 32)
  br label %head387
head387:
  %p389 = phi i64 [ 16, %then384 ], [ %v410, %exit395 ]
  %p390 = phi i64 [ %v386, %then384 ], [ %v411, %exit395 ]
  %v391 = icmp sgt i64 %p389, 0
  br i1 %v391, label %body392, label %exit388
body392:
  %v393 = sub i64 %p390, %p389
  br label %head394
head394:
  %p396 = phi i64 [ 0, %body392 ], [ %v409, %body398 ]
  %v397 = icmp slt i64 %p396, %v393
  br i1 %v397, label %body398, label %exit395
body398:
  %v399 = add i64 %p396, %p389
  %v400 = mul i64 %p396, 16
  %v401 = getelementptr float, ptr %lanes350, i64 %v400
  %v402 = load <16 x float>, ptr %v401, align 4
  %v403 = mul i64 %v399, 16
  %v404 = getelementptr float, ptr %lanes350, i64 %v403
  %v405 = load <16 x float>, ptr %v404, align 4
  %v406 = fadd <16 x float> %v402, %v405
  %v407 = mul i64 %p396, 16
  %v408 = getelementptr float, ptr %lanes350, i64 %v407
  store <16 x float> %v406, ptr %v408, align 4
  %v409 = add i64 %p396, 1
  br label %head394
exit395:
  %v410 = lshr i64 %p389, 1
  %v411 = call i64 @llvm.smin.i64(i64 %p390, i64 %p389)
  br label %head387
exit388:
  %v412 = load <16 x float>, ptr %lanes350, align 4
  %v413 = load i64, ptr %blocks352
  %v414 = call i64 @llvm.ctpop.i64(i64 %v413)
  br label %head415
head415:
  %p417 = phi i64 [ %v413, %exit388 ], [ %v427, %body421 ]
  %p418 = phi i64 [ %v414, %exit388 ], [ %v422, %body421 ]
  %p419 = phi <16 x float> [ %v412, %exit388 ], [ %v426, %body421 ]
  %v420 = trunc i64 %p417 to i1
  br i1 %v420, label %body421, label %exit416
body421:
  %v422 = add i64 %p418, -1
  %v423 = mul i64 %v422, 16
  %v424 = getelementptr float, ptr %stack351, i64 %v423
  %v425 = load <16 x float>, ptr %v424, align 4
  %v426 = fadd <16 x float> %v425, %p419
  %v427 = lshr i64 %p417, 1
  br label %head415
exit416:
  %v428 = mul i64 %p418, 16
  %v429 = getelementptr float, ptr %stack351, i64 %v428
  store <16 x float> %p419, ptr %v429, align 4
  %v430 = add i64 %v413, 1
  store i64 %v430, ptr %blocks352
  %v431 = add i64 %v385, 4096
  %v432 = sub i64 %s1, %v431
  %v433 = call i64 @llvm.smin.i64(i64 %v432, i64 32)
  br label %head434
head434:
  %p436 = phi i64 [ 0, %exit416 ], [ %v442, %body438 ]
  %v437 = icmp slt i64 %p436, %v433
  br i1 %v437, label %body438, label %exit435
body438:
  %v439 = add i64 %v431, %p436
  %v440 = mul i64 %p436, 16
  %v441 = getelementptr float, ptr %lanes350, i64 %v440
  store <16 x float> splat (float 0x0000000000000000), ptr %v441, align 4
  %v442 = add i64 %p436, 1
  br label %head434
exit435:
  br label %end383
end383:
  %v443 = add i64 %p367, 1
  br label %head365
exit366:
  %v444 = urem i64 %s1, 4096
  %v445 = icmp ne i64 %v444, 0
  br i1 %v445, label %then447, label %end446
then447:
  %v448 = sub i64 %s1, %v444
  %v449 = call i64 @llvm.smin.i64(i64 %v444, i64 32)
  br label %head450
head450:
  %p452 = phi i64 [ 16, %then447 ], [ %v473, %exit458 ]
  %p453 = phi i64 [ %v449, %then447 ], [ %v474, %exit458 ]
  %v454 = icmp sgt i64 %p452, 0
  br i1 %v454, label %body455, label %exit451
body455:
  %v456 = sub i64 %p453, %p452
  br label %head457
head457:
  %p459 = phi i64 [ 0, %body455 ], [ %v472, %body461 ]
  %v460 = icmp slt i64 %p459, %v456
  br i1 %v460, label %body461, label %exit458
body461:
  %v462 = add i64 %p459, %p452
  %v463 = mul i64 %p459, 16
  %v464 = getelementptr float, ptr %lanes350, i64 %v463
  %v465 = load <16 x float>, ptr %v464, align 4
  %v466 = mul i64 %v462, 16
  %v467 = getelementptr float, ptr %lanes350, i64 %v466
  %v468 = load <16 x float>, ptr %v467, align 4
  %v469 = fadd <16 x float> %v465, %v468
  %v470 = mul i64 %p459, 16
  %v471 = getelementptr float, ptr %lanes350, i64 %v470
  store <16 x float> %v469, ptr %v471, align 4
  %v472 = add i64 %p459, 1
  br label %head457
exit458:
  %v473 = lshr i64 %p452, 1
  %v474 = call i64 @llvm.smin.i64(i64 %p453, i64 %p452)
  br label %head450
exit451:
  %v475 = load <16 x float>, ptr %lanes350, align 4
  %v476 = load i64, ptr %blocks352
  %v477 = call i64 @llvm.ctpop.i64(i64 %v476)
  br label %head478
head478:
  %p480 = phi i64 [ %v476, %exit451 ], [ %v490, %body484 ]
  %p481 = phi i64 [ %v477, %exit451 ], [ %v485, %body484 ]
  %p482 = phi <16 x float> [ %v475, %exit451 ], [ %v489, %body484 ]
  %v483 = trunc i64 %p480 to i1
  br i1 %v483, label %body484, label %exit479
body484:
  %v485 = add i64 %p481, -1
  %v486 = mul i64 %v485, 16
  %v487 = getelementptr float, ptr %stack351, i64 %v486
  %v488 = load <16 x float>, ptr %v487, align 4
  %v489 = fadd <16 x float> %v488, %p482
  %v490 = lshr i64 %p480, 1
  br label %head478
exit479:
  %v491 = mul i64 %p481, 16
  %v492 = getelementptr float, ptr %stack351, i64 %v491
  store <16 x float> %p482, ptr %v492, align 4
  %v493 = add i64 %v476, 1
  store i64 %v493, ptr %blocks352
  %v494 = add i64 %v448, %v444
  %v495 = sub i64 %s1, %v494
  %v496 = call i64 @llvm.smin.i64(i64 %v495, i64 32)
  br label %head497
head497:
  %p499 = phi i64 [ 0, %exit479 ], [ %v505, %body501 ]
  %v500 = icmp slt i64 %p499, %v496
  br i1 %v500, label %body501, label %exit498
body501:
  %v502 = add i64 %v494, %p499
  %v503 = mul i64 %p499, 16
  %v504 = getelementptr float, ptr %lanes350, i64 %v503
  store <16 x float> splat (float 0x0000000000000000), ptr %v504, align 4
  %v505 = add i64 %p499, 1
  br label %head497
exit498:
  br label %end446
end446:
  %v506 = load i64, ptr %blocks352
  %v507 = call i64 @llvm.ctpop.i64(i64 %v506)
  %v508 = add i64 %v507, -1
  %v509 = mul i64 %v508, 16
  %v510 = getelementptr float, ptr %stack351, i64 %v509
  %v511 = load <16 x float>, ptr %v510, align 4
  br label %head512
head512:
  %p514 = phi i64 [ %v508, %end446 ], [ %v518, %body517 ]
  %p515 = phi <16 x float> [ %v511, %end446 ], [ %v522, %body517 ]
  %v516 = icmp sgt i64 %p514, 0
  br i1 %v516, label %body517, label %exit513
body517:
  %v518 = add i64 %p514, -1
  %v519 = mul i64 %v518, 16
  %v520 = getelementptr float, ptr %stack351, i64 %v519
  %v521 = load <16 x float>, ptr %v520, align 4
  %v522 = fadd <16 x float> %v521, %p515
  br label %head512
exit513:
  store <16 x float> %p515, ptr %result5, align 4
  br label %end348
end348:
  %v523 = load <16 x float>, ptr %result5, align 4
  %v524 = getelementptr float, ptr %v3, i64 %v13
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v523, ptr %v524, i32 4, <16 x i1> %v346)
  br label %done18
done18:
  %v525 = add i64 %p10, 1
  br label %head8
exit9:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
